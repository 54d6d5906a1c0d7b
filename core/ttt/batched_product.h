// The layer's batched matrix products.
#pragma once

#include <optional>

#include "core/torch.h"

namespace parallax {

// a b, as at::matmul has it: differentiable, on any device and dtype. On the CPU, products that
// fill panels run on kernels of our own, which at the layer's sizes are faster than LibTorch's BLAS
// and read either factor transposed, or out of a larger tensor, where it lies. `result` is the
// dtype of what bfloat16 factors give, their own or float32.
Tensor batched_product(const Tensor& a,  // [..., rows, inner]
                       const Tensor& b,  // [..., inner, cols] → [..., rows, cols]
                       std::optional<torch::Dtype> result = std::nullopt);

}  // namespace parallax
