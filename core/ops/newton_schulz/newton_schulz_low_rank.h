// Newton–Schulz of a gradient that is a product over few tokens, without that product.
#pragma once

#include "core/ops/newton_schulz/newton_schulz_gram.h"
#include "core/ops/newton_schulz/orthonormal_basis.h"

namespace parallax {

// True where a gradient [rows, cols] summed over so few tokens has a rank clearly below its sides,
// on the CPU and not with the published rounding. There must be nothing to record for a backward
// pass.
bool has_low_rank_newton_schulz(const Tensor& left,  // [..., tokens, rows]
                                int64_t cols,
                                const NewtonSchulzOptions& options);

// The basis to which a gradient's left factor is reduced, exact enough for these options: in
// float32 or float64, as `dtype` says. tokens ≤ rows. Several in one tensor are made beside each
// other.
OrthonormalBasis basis_for_newton_schulz(const Tensor& left,  // [..., tokens, rows]
                                         const NewtonSchulzOptions& options,
                                         torch::Dtype dtype);

// orthogonalise(leftᵀ right) for each of several right factors of one width, as leftᵀ right again,
// in the rights' order. With leftᵀ = Q R, Q's columns orthonormal, the singular values of R right
// are the product's: so the iteration runs on [tokens, cols]. As exact as orthogonalise() of the
// product, also where tokens are alike. In the basis's dtype.
std::vector<LowRankFactors> orthogonalise_factors(
    const OrthonormalBasis& left,
    const std::vector<Tensor>& rights,  // [..., tokens, cols]
    const NewtonSchulzOptions& options);

// leftᵀ right, [..., rows, cols], in the precision that the options ask for.
Tensor product_of_factors(const LowRankFactors& factors, const NewtonSchulzOptions& options);

}  // namespace parallax
