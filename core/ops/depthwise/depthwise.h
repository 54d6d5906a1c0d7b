// Depthwise 3×3 convolution of images with channels last, and the correlation that is its gradient
// with respect to the kernel. ViT³'s convolutional inner net is trained by the correlation and
// applied by the convolution, with one kernel per image; positional convolutions use one kernel for
// all images. Where core/ops/common/dispatch.h finds no fused kernel, or the reference path is in
// use, both are LibTorch operations. Differentiable any number of times, as the derivatives of each
// are these two again.
#pragma once

#include "core/base/torch.h"
#include "core/ops/depthwise/kernels.h"

namespace parallax {

inline constexpr int64_t kDepthwiseTaps = kernels::kTaps;

// to[r, c] = Σ weight[dy, dx] ⊙ from[r + offset + dy − 1, c + dx − 1] (+ bias), zero outside.
// `from` may be a slice of the last dimension. Throws Error where the shapes do not fit.
Tensor depthwise_convolution(const Tensor& from,    // [B, rows, cols, C]
                             const Tensor& weight,  // [B or 1, 9, C]
                             const Tensor& bias,    // [C] or undefined
                             int64_t to_rows,
                             int64_t offset = 0);  // → [B, to_rows, cols, C]

// sums[dy, dx] = Σ over r, c of values[r, c] ⊙ from[r + offset + dy − 1, c + dx − 1]. Summed in
// float32 where the inputs are bfloat16. Throws Error where the shapes or dtypes do not fit.
Tensor depthwise_correlation(const Tensor& from,    // [B, rows, cols, C]
                             const Tensor& values,  // [B, to_rows, cols, C]
                             int64_t offset = 0);   // → [B, 9, C]

}  // namespace parallax
