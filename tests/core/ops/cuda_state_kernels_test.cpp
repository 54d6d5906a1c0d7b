// The bodies of the CUDA kernels for states, run on the CPU against plain loops in float64: scans,
// copies to float16, norms of columns.
#include <gtest/gtest.h>

#include <bit>

#include "core/ops/cuda/kernels.h"
#include "tests/support/block_numbers.h"

namespace parallax::testing {
namespace {

// All states of the recurrence, the start first.
Numbers scanned(const cuda::LinearScan<float, float>& k, const Numbers& steps) {
  Numbers states;
  for (std::int64_t element = 0; element < k.batch; ++element) {
    for (std::int64_t i = 0; i <= k.count; ++i) {
      for (std::int64_t j = 0; j < k.size; ++j) {
        if (i == 0) {
          states.push_back(k.start == nullptr ? 0 : k.start[element * k.size + j]);
          continue;
        }
        const double factor = k.factors == nullptr ? 1 : k.factors[element * k.count + i - 1];
        states.push_back(factor * states[states.size() - k.size] +
                         k.scale * steps[element * k.apart + (i - 1) * k.size + j]);
      }
    }
  }
  return states;
}

template <class In, class Out, int vector>
void expect_scan(std::int64_t size, bool plain, std::int64_t first, std::int64_t kept) {
  const std::int64_t batch = 2;
  const std::int64_t count = 2 * cuda::kScanAhead + 3;  // not all that are loaded at once are there
  const auto start = stored<float>(normal(batch * size, 1));
  const auto factors = stored<float>(normal(batch * count, 2));
  // Each batch element's steps are followed by one that is not read.
  const std::int64_t apart = (count + 1) * size;
  const auto steps = stored<In>(normal(batch * apart, 3));
  std::vector<Out> states(static_cast<size_t>(batch * kept * size));
  std::vector<float> end(static_cast<size_t>(batch * size));
  const cuda::LinearScan<float, float> shape{.batch = batch,
                                             .count = count,
                                             .size = size,
                                             .start = plain ? nullptr : start.data(),
                                             .factors = plain ? nullptr : factors.data(),
                                             .apart = apart,
                                             .scale = -0.5F};
  const cuda::LinearScan<In, Out> k{.batch = batch,
                                    .count = count,
                                    .size = size,
                                    .start = shape.start,
                                    .factors = shape.factors,
                                    .steps = steps.data(),
                                    .apart = apart,
                                    .scale = shape.scale,
                                    .first = first,
                                    .kept = kept,
                                    .states = states.data(),
                                    .end = end.data()};
  const Numbers all = scanned(shape, loaded(steps));
  Numbers expected;
  Numbers expected_end;
  for (std::int64_t element = 0; element < batch; ++element) {
    const auto at = all.begin() + element * (count + 1) * size;
    expected.insert(expected.end(), at + first * size, at + (first + kept) * size);
    expected_end.insert(expected_end.end(), at + count * size, at + (count + 1) * size);
  }
  run_sequentially(cuda::element_grid(batch * size, vector),
                   [&](auto& block) { cuda::linear_scan<vector>(block, k); });
  expect_near(loaded(states), expected, sizeof(Out) == 2 ? 1e-2 : 1e-6);
  expect_near(loaded(end), expected_end, 1e-6);
}

TEST(CudaStateKernels, LinearScanIsTheRecurrence) {
  for (const bool plain : {true, false}) {
    for (const std::int64_t size : {1, 31, 300}) {
      expect_scan<float, float, 1>(size, plain, 1, 4);
      expect_scan<float, kernels::BFloat16Bits, 1>(size, plain, 0, 5);
      expect_scan<cuda::Float16Bits, float, 1>(size, plain, 0, 4);
    }
    expect_scan<cuda::Float16Bits, kernels::BFloat16Bits, 8>(1000, plain, 1, 4);
    expect_scan<float, float, 8>(16, plain, 2, 2);
    expect_scan<float, float, 8>(16, plain, 0, 2 * cuda::kScanAhead + 4);
  }
}

TEST(CudaStateKernels, ScaledCopyMultipliesEveryMatrix) {
  const std::int64_t batch = 3;
  for (const std::int64_t size : {5, 264}) {
    const auto from = stored<float>(normal(batch * size, 1));
    const auto factors = stored<float>(normal(batch, 2));
    std::vector<cuda::Float16Bits> to(from.size());
    Numbers expected;
    for (std::int64_t i = 0; i < batch * size; ++i) {
      expected.push_back(static_cast<double>(from[i]) * factors[i / size]);
    }
    const cuda::ScaledCopy<float, cuda::Float16Bits> k{.batch = batch,
                                                       .size = size,
                                                       .from = from.data(),
                                                       .factors = factors.data(),
                                                       .to = to.data()};
    if (size % cuda::kVector == 0) {
      run_sequentially(cuda::element_grid(batch * size, cuda::kVector),
                       [&](auto& block) { cuda::scaled_copy<cuda::kVector>(block, k); });
    } else {
      run_sequentially(cuda::element_grid(batch * size, 1),
                       [&](auto& block) { cuda::scaled_copy<1>(block, k); });
    }
    expect_near(loaded(to), expected, 1e-3);
  }
}

// Against the compiler's own conversion, over all values of float16 and the middles between them.
TEST(CudaStateKernels, Float16RoundsToNearestEven) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const cuda::Float16Bits x{static_cast<std::uint16_t>(bits)};
    const float value = cuda::load(x);
    if (std::isnan(value)) {
      continue;
    }
    EXPECT_EQ(value, static_cast<float>(std::bit_cast<_Float16>(x.bits)));
    for (const float near :
         {value, std::nextafter(value, 1e9F), value * 1.0002F, value * 1.00048828F}) {
      cuda::Float16Bits rounded{};
      cuda::store(near, rounded);
      EXPECT_EQ(rounded.bits, std::bit_cast<std::uint16_t>(static_cast<_Float16>(near))) << near;
    }
  }
}

}  // namespace
}  // namespace parallax::testing
