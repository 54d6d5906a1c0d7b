// Orthonormal bases of what few tokens span, for which factors of Newton–Schulz's gradients are
// reduced.
#pragma once

#include "core/base/torch.h"

namespace parallax {

// xᵀ = Q R for x [..., tokens, width], tokens ≤ width.
struct OrthonormalBasis {
  Tensor q_transposed;  // [..., tokens, width], orthonormal rows
  Tensor r;             // [..., tokens, tokens], upper triangular, zeros below its diagonal
};

// By Householder's QR, in float32 or float64: as exact where tokens are alike.
OrthonormalBasis householder_basis(const Tensor& x, torch::Dtype dtype);

// The same of x in bfloat16, in float32: from the Cholesky factor of x xᵀ, in half the time. Where
// a token lies closer than a 64th of its length to what those before it span, the factor has lost
// digits that show in bfloat16, and Householder's is made instead. For machines with bfloat16
// instructions.
OrthonormalBasis cholesky_basis(const Tensor& x);

}  // namespace parallax
