// Depthwise 3×3 convolution of images whose channels are contiguous, and its gradient with respect
// to the kernel; compiled once per instruction set (see core/ops/elementwise/kernels.h).
#pragma once

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {

inline constexpr int kTaps = 9;  // of a 3×3 kernel, row by row

// Arguments of both kernels. Row r of `to` reads rows r + offset − 1 … r + offset + 1 of `from`;
// pixels outside are zero. Strides are in elements; channels are contiguous.
template <class S>
struct Depthwise {
  std::int64_t images = 0;
  std::int64_t from_rows = 0;
  std::int64_t to_rows = 0;
  std::int64_t cols = 0;
  std::int64_t channels = 0;
  std::int64_t offset = 0;
  const S* from = nullptr;       // [images, from_rows, cols, channels]
  std::int64_t from_stride = 0;  // from one column to the next; rows are contiguous
  std::int64_t from_image_stride = 0;
  // convolution: to = Σ_tap weight[tap] ⊙ shifted from + bias
  const Compute<S>* weight = nullptr;    // [taps, channels] per image
  std::int64_t weight_image_stride = 0;  // 0: one kernel for all images
  const Compute<S>* bias = nullptr;      // [channels] or null
  S* to = nullptr;                       // [images, to_rows, cols, channels], dense
  // correlation: sums[tap] = Σ over pixels of values ⊙ shifted from
  const S* values = nullptr;  // [images, to_rows, cols, channels]
  std::int64_t values_stride = 0;
  std::int64_t values_image_stride = 0;
  Compute<S>* sums = nullptr;  // [images, taps, channels]
};

// The kernels for one storage type.
template <class S>
struct DepthwiseKernels {
  // Over rows [begin, end) of all images' rows of `to`.
  void (*convolve)(const Depthwise<S>&, std::int64_t begin, std::int64_t end);
  // Over images [begin, end).
  void (*correlate)(const Depthwise<S>&, std::int64_t begin, std::int64_t end);
};

// The kernels of one instruction set.
struct DepthwiseTables {
  DepthwiseKernels<float> f32;
  DepthwiseKernels<double> f64;
  DepthwiseKernels<BFloat16Bits> bf16;
};

extern const DepthwiseTables kDepthwisePortable;
extern const DepthwiseTables kDepthwiseAvx2;
extern const DepthwiseTables kDepthwiseAvx512;

}  // namespace parallax::kernels
