// The layer's batched matrix products.
#pragma once

#include "core/torch.h"

namespace parallax {

// a b, as at::matmul has it: differentiable, on any device and dtype. On the CPU in float32 and
// float64, products that fill panels run on kernels of our own, which at the layer's sizes are
// faster than LibTorch's BLAS and read either factor transposed in place.
Tensor batched_product(const Tensor& a,   // [..., rows, inner]
                       const Tensor& b);  // [..., inner, cols] → [..., rows, cols]

}  // namespace parallax
