// Newton–Schulz of a gradient that is a product over few tokens, without that product.
#pragma once

#include "core/ttt/newton_schulz.h"

namespace parallax {

// True where a gradient [rows, cols] summed over so few tokens has a rank clearly below its sides,
// on the CPU and not with the published rounding. There must be nothing to record for a backward
// pass.
bool has_product_newton_schulz(const Tensor& left,  // [..., tokens, rows]
                               int64_t cols,
                               const NewtonSchulzOptions& options);

// orthogonalise(leftᵀ right) as a product again: leftᵀ right of these.
struct OrthogonalFactors {
  Tensor left;                 // [..., tokens, rows], orthonormal rows where tokens ≤ rows
  std::vector<Tensor> rights;  // [..., tokens, cols]
};

// For several right factors of one width, which share the left one's. With leftᵀ = Q R
// (Householder), Q's columns orthonormal, the singular values of R right are the product's: so the
// iteration runs on [tokens, cols]. As exact as orthogonalise() of the product, also where tokens
// are alike. tokens ≤ rows; in float32 or float64, as `dtype` says.
OrthogonalFactors orthogonalise_factors(const Tensor& left,                 // [..., tokens, rows]
                                        const std::vector<Tensor>& rights,  // [..., tokens, cols]
                                        const NewtonSchulzOptions& options,
                                        torch::Dtype dtype);

// leftᵀ right, [..., rows, cols], in the precision that the options ask for.
Tensor product_of_factors(const Tensor& left,
                          const Tensor& right,
                          const NewtonSchulzOptions& options);

}  // namespace parallax
