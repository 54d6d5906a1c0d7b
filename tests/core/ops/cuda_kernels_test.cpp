// The bodies of the CUDA kernels, run on the CPU: against plain loops in float64 and finite
// differences, over ragged shapes, with the block's threads run sequentially and concurrently.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include "core/ops/cuda/gated_product.h"
#include "core/ops/cuda/kernels.h"
#include "tests/support/block_numbers.h"
#include "tests/support/host_block.h"

namespace parallax::testing {
namespace {

template <class S>
constexpr double kTolerance = sizeof(S) == 8 ? 1e-12 : (sizeof(S) == 4 ? 1e-5 : 1e-2);

double exact_silu(double x) { return x / (1 + std::exp(-x)); }

template <class S>
class CudaKernels : public ::testing::Test {};
using Precisions = ::testing::Types<float, double, kernels::BFloat16Bits>;
TYPED_TEST_SUITE(CudaKernels, Precisions);

constexpr std::int64_t kRows = 3;

// Runs body(vector, block) over rows element by element and, where they are made of whole vectors,
// by vectors.
template <class Body, class Check>
void run_rows(std::int64_t width, int sums, const Body& body, const Check& check) {
  const auto run = [&](auto vector) {
    const auto body_of_vector = [&](auto& block) { body(vector, block); };
    cuda::Grid grid = cuda::row_grid(kRows, width, vector, sums);
    run_sequentially(grid, body_of_vector);
    check();
    grid.blocks *= cuda::kThreads / 32;  // of fewer threads, which have fewer rows
    run_threaded(grid, 32, body_of_vector);
    check();
  };
  run(std::integral_constant<int, 1>());
  if (width % cuda::kVector == 0) {
    run(std::integral_constant<int, cuda::kVector>());
  }
}

TYPED_TEST(CudaKernels, SwigluOfRaggedRows) {
  using S = TypeParam;
  using C = cuda::Compute<S>;
  for (const std::int64_t width : {1, 5, 64, 257, 600}) {
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
    run_rows(
        width,
        0,
        [&](auto vector, auto& block) { cuda::swiglu<vector>(block, k, kRows); },
        [&] { expect_near(loaded(h), expected, kTolerance<S>); });
  }
}

TYPED_TEST(CudaKernels, InnerFactorsOfRaggedRows) {
  using S = TypeParam;
  using C = cuda::Compute<S>;
  for (const std::int64_t width : {1, 5, 64, 257, 600}) {
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
    run_rows(
        width,
        0,
        [&](auto vector, auto& block) { cuda::inner_gradients<vector>(block, k, kRows); },
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
    const std::int64_t width = rated ? 41 : 48;
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
      run_sequentially(cuda::row_grid(kRows, width, 1),
                       [&](auto& block) { cuda::swiglu<1>(block, k, kRows); });
      return dot(h, outer);
    };
    run_rows(
        width,
        1,
        [&](auto vector, auto& block) { cuda::swiglu_backward<vector>(block, k, kRows); },
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
  const std::int64_t width = 40;
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
    run_sequentially(cuda::row_grid(kRows, width, 1),
                     [&](auto& block) { cuda::inner_gradients<1>(block, k, kRows); });
    return dot(outputs[0], outer[0]) + dot(outputs[1], outer[1]) + dot(outputs[2], outer[2]);
  };
  run_rows(
      width,
      3,
      [&](auto vector, auto& block) { cuda::inner_gradients_backward<vector>(block, k, kRows); },
      [&] {
        for (int i = 0; i < 6; ++i) {
          expect_near(gradients[i], finite_differences(inputs[i], functional), 1e-8);
        }
      });
}

template <class S, int vector>
void expect_gated_hidden(std::int64_t width, bool rated) {
  const auto packed = stored<S>(normal(kRows * 2 * width, 1));
  const auto rate = stored<float>(normal(kRows, 2));
  std::vector<S> h(static_cast<size_t>(kRows * width));
  Numbers expected;
  for (std::int64_t i = 0; i < kRows * width; ++i) {
    const std::int64_t row = i / width;
    const std::int64_t at = row * 2 * width + i % width;
    expected.push_back(exact_silu(cuda::load(packed[at])) * cuda::load(packed[at + width]) *
                       (rated ? rate[row] : 1.0F));
  }
  const cuda::GatedHidden<S> k{.rows = kRows,
                               .width = width,
                               .packed = packed.data(),
                               .rate = rated ? rate.data() : nullptr,
                               .h = h.data()};
  run_sequentially(cuda::element_grid(kRows * width, vector),
                   [&](auto& block) { cuda::gated_hidden<vector>(block, k); });
  expect_near(loaded(h), expected, kTolerance<S>);
}

TEST(CudaKernelOfHalves, GatedHiddenOfRaggedAndWholeVectors) {
  for (const bool rated : {true, false}) {
    expect_gated_hidden<float, 1>(7, rated);
    expect_gated_hidden<float, 8>(264, rated);
    expect_gated_hidden<kernels::BFloat16Bits, 1>(301, rated);
    expect_gated_hidden<kernels::BFloat16Bits, 8>(384, rated);
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

// Each thread's sums, put where wgmma leaves them, are a and m of the outputs that it stores, and
// the threads of a warp group store every output of the tile once.
TEST(CudaKernelOfHalves, PackedGatesMeetInTheThreadThatNeedsBoth) {
  std::vector<int> stored_times(cuda::kGateRows * cuda::kGateOutputs);
  for (int thread = 0; thread < 128; ++thread) {
    for (int half = 0; half < 2; ++half) {
      const int row = cuda::sum_position(thread, 2 * half).row;
      for (int block = 0; block < 4; ++block) {
        for (int i = 0; i < 8; ++i) {
          const int output = cuda::first_output(thread, block) + i;
          const auto at = cuda::gate_indices(block, i, half);
          for (const auto& [index, is_value] : {std::pair{at.a, false}, std::pair{at.m, true}}) {
            const auto position = cuda::sum_position(thread, index);
            const auto packed = cuda::packed_column(position.column);
            EXPECT_EQ(position.row, row);
            EXPECT_EQ(packed.is_value, is_value);
            EXPECT_EQ(packed.output, output);
          }
          ++stored_times[static_cast<size_t>(row * cuda::kGateOutputs + output)];
        }
      }
    }
  }
  EXPECT_THAT(stored_times, ::testing::Each(1));
}

}  // namespace
}  // namespace parallax::testing
