// Orthonormal bases of what few tokens span, for which factors of Newton–Schulz's gradients are
// reduced.
#pragma once

#include "core/torch.h"

namespace parallax {

// xᵀ = Q R for x [..., tokens, width], tokens ≤ width.
struct TokenBasis {
  Tensor q_transposed;  // [..., tokens, width], orthonormal rows
  Tensor r;             // [..., tokens, tokens], upper triangular, zeros below its diagonal
};

// By Householder's QR, in float32 or float64: as exact where tokens are alike.
TokenBasis householder_basis(const Tensor& x, torch::Dtype dtype);

// From the Cholesky factor of x xᵀ (Householder's where rounding leaves none), in float32: in half
// the time. Its diagonal is raised by 2⁻¹⁷, so that Q's rows are shorter for tokens that others
// make up but for a few thousandths of their length; R and Q's product is x all the same. What is
// then rounded to bfloat16 is no less exact for it. x in float32, or bfloat16 where there are
// kernels.
TokenBasis cholesky_basis(const Tensor& x);

}  // namespace parallax
