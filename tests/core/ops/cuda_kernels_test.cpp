// The bodies of the CUDA kernels, run on the CPU: against plain loops in float64 and finite
// differences, over ragged shapes, with the block's threads run sequentially and concurrently.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "core/ops/cuda/kernels.h"
#include "tests/support/host_block.h"

namespace parallax::testing {
namespace {

using Numbers = std::vector<double>;

Numbers normal(std::int64_t count, int seed) {
  std::mt19937 generator(static_cast<unsigned>(seed));
  std::normal_distribution<double> distribution;
  Numbers numbers(static_cast<size_t>(count));
  std::generate(numbers.begin(), numbers.end(), [&] { return distribution(generator); });
  return numbers;
}

template <class S>
std::vector<S> stored(const Numbers& numbers) {
  std::vector<S> result(numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    cuda::store(static_cast<cuda::Compute<S>>(numbers[i]), result[i]);
  }
  return result;
}

template <class S>
Numbers loaded(const std::vector<S>& numbers) {
  Numbers result;
  for (const S& x : numbers) {
    result.push_back(cuda::load(x));
  }
  return result;
}

void expect_near(const Numbers& got, const Numbers& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  double scale = 1e-30;
  for (const double x : expected) {
    scale = std::max(scale, std::abs(x));
  }
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_LE(std::abs(got[i] - expected[i]), tolerance * scale) << "number " << i;
  }
}

// Both ways of running a block; kernels that assume 256 threads would fail the second.
template <class Body, class Check>
void run_both(const cuda::Grid& grid, const Body& body, const Check& check) {
  run_sequentially(grid, body);
  check();
  run_threaded(grid, 32, body);
  check();
}

template <class S>
constexpr double kTolerance = sizeof(S) == 8 ? 1e-12 : (sizeof(S) == 4 ? 1e-5 : 1e-2);

double exact_silu(double x) { return x / (1 + std::exp(-x)); }

template <class S>
class CudaKernels : public ::testing::Test {};
using Precisions = ::testing::Types<float, double, kernels::BFloat16Bits>;
TYPED_TEST_SUITE(CudaKernels, Precisions);

constexpr std::int64_t kRows = 3;

TYPED_TEST(CudaKernels, SwigluOfRaggedRows) {
  using S = TypeParam;
  using C = cuda::Compute<S>;
  for (const std::int64_t width : {1, 5, 257, 600}) {
    const auto a = stored<S>(normal(kRows * width, 1));
    const auto m = stored<S>(normal(kRows * width, 2));
    const auto rate = stored<C>(normal(kRows, 3));
    std::vector<S> h(a.size());
    Numbers expected;
    for (size_t i = 0; i < a.size(); ++i) {
      const double x = exact_silu(cuda::load(a[i])) * cuda::load(m[i]);
      expected.push_back(x * rate[i / static_cast<size_t>(width)]);
    }
    const kernels::SwiGlu<S> k{
        .width = width, .a = a.data(), .m = m.data(), .rate = rate.data(), .h = h.data()};
    run_both(
        cuda::row_grid(kRows),
        [&](auto& block) { cuda::swiglu(block, k); },
        [&] { expect_near(loaded(h), expected, kTolerance<S>); });
  }
}

TYPED_TEST(CudaKernels, InnerFactorsOfRaggedRows) {
  using S = TypeParam;
  using C = cuda::Compute<S>;
  for (const std::int64_t width : {1, 5, 257, 600}) {
    const auto a = stored<S>(normal(kRows * width, 1));
    const auto m = stored<S>(normal(kRows * width, 2));
    const auto dh = stored<S>(normal(kRows * width, 3));
    const auto rates = stored<C>(normal(3 * kRows, 4));
    std::vector<S> h(a.size());
    std::vector<S> da(a.size());
    std::vector<S> dm(a.size());
    Numbers expected[3];
    for (size_t i = 0; i < a.size(); ++i) {
      const double x = cuda::load(a[i]);
      const double value = cuda::load(m[i]);
      const double gradient = cuda::load(dh[i]);
      const size_t row = i / static_cast<size_t>(width);
      const double slope = (exact_silu(x + 1e-5) - exact_silu(x - 1e-5)) / 2e-5;
      expected[0].push_back(exact_silu(x) * value * rates[kRows + row]);
      expected[1].push_back(gradient * value * slope * rates[row]);
      expected[2].push_back(gradient * exact_silu(x) * rates[2 * kRows + row]);
    }
    const kernels::InnerGradients<S> k{.width = width,
                                       .a = a.data(),
                                       .m = m.data(),
                                       .dh = dh.data(),
                                       .lr0 = rates.data(),
                                       .lr1 = rates.data() + kRows,
                                       .lr2 = rates.data() + 2 * kRows,
                                       .h = h.data(),
                                       .da = da.data(),
                                       .dm = dm.data()};
    run_both(
        cuda::row_grid(kRows),
        [&](auto& block) { cuda::inner_gradients(block, k); },
        [&] {
          expect_near(loaded(h), expected[0], kTolerance<S>);
          expect_near(loaded(da), expected[1], std::max(kTolerance<S>, 1e-9));
          expect_near(loaded(dm), expected[2], kTolerance<S>);
        });
  }
}

// d/dx of a functional by central differences, for every element of x.
template <class F>
Numbers finite_differences(Numbers& x, const F& functional) {
  constexpr double kStep = 1e-5;
  Numbers result;
  for (double& number : x) {
    const double kept = number;
    number = kept + kStep;
    const double above = functional();
    number = kept - kStep;
    result.push_back((above - functional()) / (2 * kStep));
    number = kept;
  }
  return result;
}

double dot(const Numbers& x, const Numbers& y) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    sum += x[i] * y[i];
  }
  return sum;
}

TEST(CudaKernelGradients, SwigluAgainstFiniteDifferences) {
  for (const bool rated : {true, false}) {
    const std::int64_t width = 41;
    Numbers a = normal(kRows * width, 1);
    Numbers m = normal(kRows * width, 2);
    Numbers rate = normal(kRows, 3);
    const Numbers outer = normal(kRows * width, 4);
    Numbers h(a.size());
    Numbers of_a(a.size());
    Numbers of_m(a.size());
    Numbers of_rate(rate.size());
    const kernels::SwiGlu<double> k{.width = width,
                                    .a = a.data(),
                                    .m = m.data(),
                                    .rate = rated ? rate.data() : nullptr,
                                    .h = h.data(),
                                    .h_gradient = outer.data(),
                                    .a_gradient = of_a.data(),
                                    .m_gradient = of_m.data(),
                                    .rate_gradient = rated ? of_rate.data() : nullptr};
    const auto functional = [&] {
      run_sequentially(cuda::row_grid(kRows), [&](auto& block) { cuda::swiglu(block, k); });
      return dot(h, outer);
    };
    run_both(
        cuda::row_grid(kRows, 1),
        [&](auto& block) { cuda::swiglu_backward(block, k); },
        [&] {
          expect_near(of_a, finite_differences(a, functional), 1e-8);
          expect_near(of_m, finite_differences(m, functional), 1e-8);
          if (rated) {
            expect_near(of_rate, finite_differences(rate, functional), 1e-8);
          }
        });
  }
}

TEST(CudaKernelGradients, InnerFactorsAgainstFiniteDifferences) {
  const std::int64_t width = 37;
  const std::int64_t size = kRows * width;
  Numbers inputs[6] = {normal(size, 1),
                       normal(size, 2),
                       normal(size, 3),
                       normal(kRows, 4),
                       normal(kRows, 5),
                       normal(kRows, 6)};
  const Numbers outer[3] = {normal(size, 7), normal(size, 8), normal(size, 9)};
  Numbers outputs[3] = {Numbers(size), Numbers(size), Numbers(size)};
  Numbers gradients[6];
  for (int i = 0; i < 6; ++i) {
    gradients[i].resize(inputs[i].size());
  }
  const kernels::InnerGradients<double> k{.width = width,
                                          .a = inputs[0].data(),
                                          .m = inputs[1].data(),
                                          .dh = inputs[2].data(),
                                          .lr0 = inputs[3].data(),
                                          .lr1 = inputs[4].data(),
                                          .lr2 = inputs[5].data(),
                                          .h = outputs[0].data(),
                                          .da = outputs[1].data(),
                                          .dm = outputs[2].data(),
                                          .h_gradient = outer[0].data(),
                                          .da_gradient = outer[1].data(),
                                          .dm_gradient = outer[2].data(),
                                          .a_gradient = gradients[0].data(),
                                          .m_gradient = gradients[1].data(),
                                          .dh_gradient = gradients[2].data(),
                                          .lr0_gradient = gradients[3].data(),
                                          .lr1_gradient = gradients[4].data(),
                                          .lr2_gradient = gradients[5].data()};
  const auto functional = [&] {
    run_sequentially(cuda::row_grid(kRows), [&](auto& block) { cuda::inner_gradients(block, k); });
    return dot(outputs[0], outer[0]) + dot(outputs[1], outer[1]) + dot(outputs[2], outer[2]);
  };
  run_both(
      cuda::row_grid(kRows, 3),
      [&](auto& block) { cuda::inner_gradients_backward(block, k); },
      [&] {
        for (int i = 0; i < 6; ++i) {
          expect_near(gradients[i], finite_differences(inputs[i], functional), 1e-8);
        }
      });
}

TEST(CudaStateKernels, LinearScanIsTheRecurrence) {
  for (const std::int64_t size : {1, 31, 300}) {
    for (const bool plain : {true, false}) {
      const std::int64_t batch = 2;
      const std::int64_t count = 4;
      const auto start = stored<float>(normal(batch * size, 1));
      const auto factors = stored<float>(normal(batch * count, 2));
      const auto steps = stored<float>(normal(batch * count * size, 3));
      std::vector<float> states(steps.size());
      Numbers expected;
      for (std::int64_t i = 0; i < batch * count; ++i) {
        for (std::int64_t j = 0; j < size; ++j) {
          const double before =
              i % count > 0 ? expected[(i - 1) * size + j]
                            : (plain ? 0.0 : static_cast<double>(start[i / count * size + j]));
          expected.push_back((plain ? 1.0 : factors[i]) * before - 0.5 * steps[i * size + j]);
        }
      }
      const cuda::LinearScan k{.batch = batch,
                               .count = count,
                               .size = size,
                               .start = plain ? nullptr : start.data(),
                               .factors = plain ? nullptr : factors.data(),
                               .steps = steps.data(),
                               .scale = -0.5F,
                               .states = states.data()};
      run_sequentially(cuda::scan_grid(k), [&](auto& block) { cuda::linear_scan(block, k); });
      expect_near(loaded(states), expected, 1e-6);
    }
  }
}

TEST(CudaStateKernels, ColumnNormScalesEveryColumn) {
  for (const auto& [rows, cols] :
       {std::pair<std::int64_t, std::int64_t>{1, 1}, {7, 33}, {50, 64}, {9, 100}}) {
    const std::int64_t batch = 2;
    const auto w = stored<float>(normal(batch * rows * cols, 1));
    const auto norms = stored<float>(normal(batch * cols, 2));
    std::vector<float> out(w.size());
    Numbers expected(w.size());
    for (std::int64_t column = 0; column < batch * cols; ++column) {
      const auto at = [&](std::int64_t row) {
        return static_cast<size_t>((column / cols * rows + row) * cols + column % cols);
      };
      double square = 0;
      for (std::int64_t row = 0; row < rows; ++row) {
        square += static_cast<double>(w[at(row)]) * w[at(row)];
      }
      for (std::int64_t row = 0; row < rows; ++row) {
        expected[at(row)] = w[at(row)] / (std::sqrt(square) + 1e-5) * norms[column];
      }
    }
    const cuda::ColumnNorm k{.batch = batch,
                             .rows = rows,
                             .cols = cols,
                             .w = w.data(),
                             .norms = norms.data(),
                             .eps = 1e-5F,
                             .out = out.data()};
    run_both(
        cuda::column_norm_grid(k),
        [&](auto& block) { cuda::column_norm(block, k); },
        [&] { expect_near(loaded(out), expected, 1e-6); });
  }
}

// Token by token over chunks that do not divide the tokens.
TYPED_TEST(CudaKernels, LinearAttentionIsTheLayerOfVariant6) {
  using S = TypeParam;
  const std::int64_t batch = 2;
  const std::int64_t tokens = 11;
  for (const std::int64_t width : {5, 40}) {
    for (const std::int64_t chunk : {1, 4, 64}) {
      const auto q = stored<S>(normal(batch * tokens * width, 1));
      const auto k = stored<S>(normal(batch * tokens * width, 2));
      const auto v = stored<S>(normal(batch * tokens * width, 3));
      const auto start = stored<float>(normal(batch * width * width, 4));
      std::vector<S> output(q.size());
      std::vector<float> end(start.size());
      Numbers state = loaded(start);
      Numbers expected(q.size());
      const auto at = [&](std::int64_t token, std::int64_t i) { return token * width + i; };
      for (std::int64_t token = 0; token < batch * tokens; ++token) {
        double* const m = state.data() + token / tokens * width * width;
        for (std::int64_t i = 0; i < width * width; ++i) {
          m[i] += 0.5 * cuda::load(k[at(token, i / width)]) * cuda::load(v[at(token, i % width)]);
        }
        const std::int64_t in_sequence = token % tokens;
        if ((in_sequence + 1) % chunk != 0 && in_sequence + 1 != tokens) {
          continue;
        }
        for (std::int64_t back = 0; back <= in_sequence % chunk; ++back) {
          for (std::int64_t i = 0; i < width * width; ++i) {
            expected[at(token - back, i % width)] +=
                cuda::load(q[at(token - back, i / width)]) * m[i];
          }
        }
      }
      const cuda::LinearAttention<S> arguments{.batch = batch,
                                               .tokens = tokens,
                                               .chunk = chunk,
                                               .key_width = width,
                                               .value_width = width,
                                               .q = q.data(),
                                               .k = k.data(),
                                               .v = v.data(),
                                               .start = start.data(),
                                               .scale = 0.5F,
                                               .output = output.data(),
                                               .end = end.data()};
      run_both(
          cuda::linear_attention_grid(arguments),
          [&](auto& block) { cuda::linear_attention(block, arguments); },
          [&] {
            expect_near(loaded(output), expected, std::max(kTolerance<S>, 1e-5));  // float32 state
            expect_near(loaded(end), state, std::max(kTolerance<S>, 1e-5));
          });
    }
  }
}

}  // namespace
}  // namespace parallax::testing
