// The layer's batched matrix products.
#pragma once

#include <optional>

#include "core/base/torch.h"

namespace parallax {

struct ProductOptions {
  // Of the result; a's where there is none. bfloat16 factors may give float32.
  std::optional<torch::Dtype> result = std::nullopt;
  bool a_is_upper = false;  // a is square, with zeros below its diagonal
};

// a b, as at::matmul has it, with b rounded to a's dtype: differentiable, on any device and dtype.
// On the CPU, products that fill panels run on kernels of our own, which at the layer's sizes are
// faster than LibTorch's BLAS and read either factor transposed, or out of a larger tensor, where
// it lies; and a float32 b beside a bfloat16 a without a copy.
Tensor batched_product(const Tensor& a,  // [..., rows, inner]
                       const Tensor& b,  // [..., inner, cols] → [..., rows, cols]
                       const ProductOptions& options = {});

}  // namespace parallax
