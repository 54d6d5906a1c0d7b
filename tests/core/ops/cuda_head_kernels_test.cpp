// The bodies of the CUDA kernels for heads' rows, run on the CPU against the CPU's own kernels,
// which are tested against LibTorch's operations and finite differences.
#include <gtest/gtest.h>

#include <random>

#include "core/ops/cuda/depthwise_kernels.h"
#include "core/ops/cuda/head_kernels.h"
#include "core/ops/depthwise/kernels.h"
#include "core/ops/elementwise/kernels.h"
#include "tests/support/host_block.h"

namespace parallax::testing {
namespace {

using kernels::HeadMode;

constexpr std::int64_t kBatch = 2;
constexpr std::int64_t kTokens = 5;
constexpr std::int64_t kHeads = 3;

template <class S>
std::vector<S> random_row(std::int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution;
  std::vector<S> row(static_cast<size_t>(count));
  for (S& x : row) {
    cuda::store(distribution(generator), x);
  }
  return row;
}

template <class S>
void expect_same(const std::vector<S>& got, const std::vector<S>& expected, const char* what) {
  ASSERT_EQ(got.size(), expected.size());
  const float tolerance = sizeof(S) == 2 ? 2e-2F : 2e-5F;
  for (size_t i = 0; i < got.size(); ++i) {
    const float right = cuda::load(expected[i]);
    ASSERT_NEAR(cuda::load(got[i]), right, tolerance * (1 + std::abs(right))) << what << " " << i;
  }
}

template <class S>
const kernels::ElementwiseKernels<S>& cpu_kernels() {
  if constexpr (sizeof(S) == 2) {
    return kernels::kElementwisePortable.bf16;
  } else {
    return kernels::kElementwisePortable.f32;
  }
}

// Runs body(vector, block) over the rows, sequentially and with several threads for each block.
template <int vector, class Arguments, class Body, class Check>
void run_heads(cuda::HeadRows<Arguments> rows,
               bool backward,
               const Body& body,
               const Check& check) {
  rows.lanes = cuda::lanes_of(rows.k.layout.width, vector);
  const cuda::Grid grid = cuda::head_grid(rows, vector, backward);
  run_sequentially(grid,
                   [&](auto& block) { body(std::integral_constant<int, vector>(), rows, block); });
  check();
  run_threaded(
      grid, 32, [&](auto& block) { body(std::integral_constant<int, vector>(), rows, block); });
  check();
}

const auto kForward = [](auto vector, const auto& rows, auto& block) {
  cuda::head_rows<vector>(block, rows);
};
const auto kBackward = [](auto vector, const auto& rows, auto& block) {
  cuda::head_rows_backward<vector>(block, rows);
};

// The shares of the blocks, added up.
std::vector<float> added_up(const std::vector<float>& shares, size_t count) {
  std::vector<float> sums(count);
  for (size_t i = 0; i < shares.size(); ++i) {
    sums[i % count] += shares[i];
  }
  return sums;
}

template <class S, int vector>
void check_split(std::int64_t width, const std::vector<HeadMode>& modes, bool heads_first) {
  const auto parts = static_cast<std::int64_t>(modes.size());
  const std::int64_t tokens = kBatch * kTokens;
  const std::int64_t stride = parts * kHeads * width + 8;  // part of a larger tensor
  const std::int64_t part_size = tokens * kHeads * width;
  const auto packed = random_row<S>(tokens * stride, 1);
  const auto weight = random_row<float>(width, 2);
  const auto rotations = random_row<float>(kTokens * kHeads * width, 3);
  kernels::SplitHeads<S> k{.layout = {.tokens = kTokens,
                                      .heads = kHeads,
                                      .width = width,
                                      .batch_stride = (heads_first ? 1 : kHeads) * kTokens * width,
                                      .head_stride = (heads_first ? kBatch : 1) * kTokens * width},
                           .parts = static_cast<int>(parts),
                           .packed_stride = stride,
                           .eps = 1e-3F,
                           .rotations = rotations.data(),
                           .packed = packed.data()};
  std::vector<std::vector<S>> of_cpu(modes.size(), std::vector<S>(part_size));
  std::vector<std::vector<S>> of_gpu = of_cpu;
  std::vector<std::vector<S>> gradients;
  for (size_t i = 0; i < modes.size(); ++i) {
    k.mode[i] = modes[i];
    k.weight[i] = modes[i] == HeadMode::kRmsNorm ? weight.data() : nullptr;
    k.part[i] = of_cpu[i].data();
    gradients.push_back(random_row<S>(part_size, 10 + static_cast<unsigned>(i)));
  }
  cpu_kernels<S>().split_heads(k, 0, tokens);
  cuda::HeadRows<kernels::SplitHeads<S>> rows{.k = k, .rows = tokens * parts * kHeads, .blocks = 3};
  for (size_t i = 0; i < modes.size(); ++i) {
    rows.k.part[i] = of_gpu[i].data();
  }
  run_heads<vector>(rows, false, kForward, [&] {
    for (size_t i = 0; i < modes.size(); ++i) {
      expect_same(of_gpu[i], of_cpu[i], "part");
    }
  });

  // Backward, the first part without a gradient where there are several.
  std::vector<S> packed_of_cpu(tokens * parts * kHeads * width);
  std::vector<S> packed_of_gpu = packed_of_cpu;
  std::vector<float> weights_of_cpu(kernels::kMaxParts * width);
  std::vector<float> shares(rows.blocks * parts * width);
  std::vector<float> scratch(2 * width);
  for (size_t i = 0; i < modes.size(); ++i) {
    k.part_gradient[i] = i == 0 && parts == 2 ? nullptr : gradients[i].data();
  }
  k.packed_gradient = packed_of_cpu.data();
  cpu_kernels<S>().split_heads_backward(k, 0, tokens, scratch.data(), weights_of_cpu.data());
  rows.k = k;
  rows.k.packed_gradient = packed_of_gpu.data();
  const bool weighs = std::find(modes.begin(), modes.end(), HeadMode::kRmsNorm) != modes.end() &&
                      width <= 32 * vector;
  rows.weight_partials = weighs ? shares.data() : nullptr;
  weights_of_cpu.resize(static_cast<size_t>(parts * width));
  run_heads<vector>(rows, true, kBackward, [&] {
    expect_same(packed_of_gpu, packed_of_cpu, "gradient");
    if (weighs) {
      expect_same(added_up(shares, weights_of_cpu.size()), weights_of_cpu, "weight's gradient");
    }
  });
}

template <class S>
void check_splits() {
  using enum HeadMode;
  for (const bool heads_first : {false, true}) {
    check_split<S, 1>(5, {kSiluUnit, kSiluUnit, kSilu}, heads_first);
    check_split<S, 1>(20, {kRmsNorm, kRmsNorm, kCopy}, heads_first);
    check_split<S, 8>(64, {kRmsNorm, kRmsNorm, kCopy}, heads_first);
    check_split<S, 8>(64, {kSiluUnit, kSilu}, heads_first);
    check_split<S, 8>(32, {kRotate, kRotate, kCopy}, heads_first);
    check_split<S, 8>(768, {kSiluUnit, kSiluUnit, kSilu}, heads_first);
    check_split<S, 8>(40, {kSilu}, heads_first);
  }
}

TEST(CudaHeadKernels, SplitAsOnTheCpuInFloat32) { check_splits<float>(); }
TEST(CudaHeadKernels, SplitAsOnTheCpuInBfloat16) { check_splits<kernels::BFloat16Bits>(); }

template <class S, int vector>
void check_merge(std::int64_t width) {
  const std::int64_t tokens = kBatch * kTokens;
  const std::int64_t size = tokens * kHeads * width;
  const auto parted = random_row<S>(size, 1);
  const auto weight = random_row<float>(width, 2);
  const auto gradient = random_row<S>(size, 3);
  std::vector<S> of_cpu(size);
  std::vector<S> of_gpu(size);
  std::vector<S> gradient_of_cpu(size);
  std::vector<S> gradient_of_gpu(size);
  std::vector<float> weights_of_cpu(width);
  kernels::MergeHeads<S> k{.layout = {.tokens = kTokens,
                                      .heads = kHeads,
                                      .width = width,
                                      .batch_stride = kHeads * kTokens * width,
                                      .head_stride = kTokens * width},
                           .eps = 1e-3F,
                           .weight = weight.data(),
                           .parted = parted.data(),
                           .merged = of_cpu.data()};
  cpu_kernels<S>().merge_heads(k, 0, tokens);
  cuda::HeadRows<kernels::MergeHeads<S>> rows{.k = k, .rows = tokens * kHeads, .blocks = 2};
  rows.k.merged = of_gpu.data();
  run_heads<vector>(rows, false, kForward, [&] { expect_same(of_gpu, of_cpu, "merged"); });
  k.merged = nullptr;
  k.merged_gradient = gradient.data();
  k.parted_gradient = gradient_of_cpu.data();
  cpu_kernels<S>().merge_heads_backward(k, 0, tokens, weights_of_cpu.data());
  std::vector<float> shares(rows.blocks * width);
  rows.k = k;
  rows.k.parted_gradient = gradient_of_gpu.data();
  rows.weight_partials = shares.data();
  run_heads<vector>(rows, true, kBackward, [&] {
    expect_same(gradient_of_gpu, gradient_of_cpu, "gradient");
    expect_same(added_up(shares, weights_of_cpu.size()), weights_of_cpu, "weight's gradient");
  });
}

TEST(CudaHeadKernels, MergeAsOnTheCpu) {
  check_merge<float, 1>(7);
  check_merge<float, 8>(64);
  check_merge<kernels::BFloat16Bits, 8>(192);
}

// Of rows that are part of a larger picture, with one kernel for all images and one for each.
template <class S, int vector>
void check_depthwise(std::int64_t channels, bool shared, std::int64_t offset) {
  const std::int64_t images = 3;
  const std::int64_t rows = 4;
  const std::int64_t cols = 5;
  const std::int64_t to_rows = 3;
  const std::int64_t stride = channels + 8;
  const auto from = random_row<S>(images * rows * cols * stride, 1);
  const auto values = random_row<S>(images * to_rows * cols * channels, 2);
  const auto weight = random_row<float>(images * kernels::kTaps * channels, 3);
  const auto bias = random_row<float>(channels, 4);
  kernels::Depthwise<S> k{.images = images,
                          .from_rows = rows,
                          .to_rows = to_rows,
                          .cols = cols,
                          .channels = channels,
                          .offset = offset,
                          .from = from.data(),
                          .from_stride = stride,
                          .from_image_stride = rows * cols * stride,
                          .weight = weight.data(),
                          .weight_image_stride = shared ? 0 : kernels::kTaps * channels,
                          .bias = shared ? bias.data() : nullptr,
                          .values = values.data(),
                          .values_stride = channels,
                          .values_image_stride = to_rows * cols * channels};
  std::vector<S> of_cpu(images * to_rows * cols * channels);
  std::vector<S> of_gpu(of_cpu.size());
  std::vector<float> sums_of_cpu(images * kernels::kTaps * channels);
  std::vector<float> sums_of_gpu(sums_of_cpu.size());
  k.to = of_cpu.data();
  k.sums = sums_of_cpu.data();
  const auto& cpu = [] {
    if constexpr (sizeof(S) == 2) {
      return kernels::kDepthwisePortable.bf16;
    } else {
      return kernels::kDepthwisePortable.f32;
    }
  }();
  cpu.convolve(k, 0, images * to_rows);
  cpu.correlate(k, 0, images);
  k.to = of_gpu.data();
  k.sums = sums_of_gpu.data();
  run_sequentially(cuda::element_grid(images * to_rows * cols * channels, vector),
                   [&](auto& block) { cuda::depthwise_convolution<vector>(block, k); });
  run_sequentially(cuda::correlation_grid(k, vector),
                   [&](auto& block) { cuda::depthwise_correlation<vector>(block, k); });
  expect_same(of_gpu, of_cpu, "convolution");
  expect_same(sums_of_gpu, sums_of_cpu, "correlation");
  std::fill(sums_of_gpu.begin(), sums_of_gpu.end(), 0.0F);
  run_threaded(cuda::correlation_grid(k, vector), 32, [&](auto& block) {
    cuda::depthwise_correlation<vector>(block, k);
  });
  expect_same(sums_of_gpu, sums_of_cpu, "correlation on threads");
}

TEST(CudaHeadKernels, DepthwiseAsOnTheCpu) {
  for (const bool shared : {true, false}) {
    for (const std::int64_t offset : {-1, 0, 1}) {
      check_depthwise<float, 1>(5, shared, offset);
      check_depthwise<float, 8>(32, shared, offset);
      check_depthwise<kernels::BFloat16Bits, 8>(40, shared, offset);
    }
  }
}

}  // namespace
}  // namespace parallax::testing
