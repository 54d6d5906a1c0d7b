// Newton–Schulz of a gradient that is a product over few tokens, without that product.
#pragma once

#include "core/ttt/newton_schulz.h"

namespace parallax {

// True where a gradient [rows, cols] summed over so few tokens has a rank clearly below its sides, on
// the CPU and not with the published rounding. There must be nothing to record for a backward pass.
bool has_product_newton_schulz(const Tensor& left,  // [..., tokens, rows]
                               int64_t cols,
                               const NewtonSchulzOptions& options);

struct ProductSteps {
  bool transposed = false;               // the results are wanted as [..., cols, rows]
  torch::Dtype dtype = torch::kFloat32;  // of the results: float32 or float64
};

// orthogonalise(leftᵀ right), [..., rows, cols], for each of several right factors of one width.
// With leftᵀ = Q R (Householder), Q's columns orthonormal, the singular values of R right are the
// product's: so the iteration runs on [tokens, cols], and its result is multiplied by Q. As exact as
// orthogonalise() of the product, also where tokens are alike. tokens ≤ rows.
std::vector<Tensor> orthogonalise_products(const Tensor& left,                 // [..., tokens, rows]
                                           const std::vector<Tensor>& rights,  // [..., tokens, cols]
                                           const NewtonSchulzOptions& options,
                                           const ProductSteps& steps);

}  // namespace parallax
