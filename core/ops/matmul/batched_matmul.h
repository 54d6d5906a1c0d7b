// The layer's batched matrix products.
#pragma once

#include <optional>

#include "core/base/torch.h"

namespace parallax {

// What batched_product() may be told about its factors and its result.
struct ProductOptions {
  // The result's dtype; a's if unset. bfloat16 factors may give a float32 result.
  std::optional<torch::Dtype> result = std::nullopt;
  bool a_is_upper = false;  // a is square, with zeros below its diagonal (trmm)
};

// a b, as at::matmul computes it, with b rounded to a's dtype: differentiable, on any device and
// dtype. On the CPU, products whose number of columns is a multiple of the tile run on our own
// kernels, which at the layer's sizes are faster than LibTorch's BLAS. They read either factor in
// place, also transposed or as part of a larger tensor, and a float32 b together with a bfloat16 a
// without a copy.
Tensor batched_product(const Tensor& a,  // [..., rows, inner]
                       const Tensor& b,  // [..., inner, cols] → [..., rows, cols]
                       const ProductOptions& options = {});

}  // namespace parallax
