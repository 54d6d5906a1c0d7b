// Depthwise 3×3 convolution of images whose channels are contiguous, and its gradient with respect
// to the kernel; compiled once per instruction set (see core/ops/elementwise/kernels.h).
#pragma once

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {

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
