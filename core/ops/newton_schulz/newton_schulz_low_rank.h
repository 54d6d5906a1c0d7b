// Newton–Schulz for a gradient of low rank, summed over few tokens: on its factors, without forming
// the product.
#pragma once

#include "core/ops/newton_schulz/newton_schulz_gram.h"
#include "core/ops/newton_schulz/orthonormal_basis.h"

namespace parallax {

// True where a gradient [rows, cols] is summed over so few tokens that its rank is clearly below
// its sides, on the CPU and without the published rounding. No graph may be needed for a backward
// pass.
bool has_low_rank_newton_schulz(const Tensor& left,  // [..., tokens, rows]
                                int64_t cols,
                                const NewtonSchulzOptions& options);

// The basis that a gradient's left factor is reduced to, exact enough for these options, in `dtype`
// (float32 or float64). tokens ≤ rows. Several left factors in one tensor are processed in
// parallel.
OrthonormalBasis basis_for_newton_schulz(const Tensor& left,  // [..., tokens, rows]
                                         const NewtonSchulzOptions& options,
                                         torch::Dtype dtype);

// orthogonalise(leftᵀ right) for each of several right factors of one width, as low-rank factors,
// in the order of `rights`. With leftᵀ = Q R, Q's columns orthonormal, R right has the singular
// values of the product, so the iteration runs on [tokens, cols]. As exact as orthogonalise() of
// the product, even where tokens are alike. In the basis's dtype.
std::vector<LowRankFactors> orthogonalise_factors(
    const OrthonormalBasis& left,
    const std::vector<Tensor>& rights,  // [..., tokens, cols]
    const NewtonSchulzOptions& options);

// leftᵀ right, [..., rows, cols], in the precision that the options ask for.
Tensor product_of_factors(const LowRankFactors& factors, const NewtonSchulzOptions& options);

}  // namespace parallax
