// Orthonormal bases of the space that few tokens span, to which Newton–Schulz reduces the factors
// of low-rank gradients.
#pragma once

#include "core/base/torch.h"

namespace parallax {

// xᵀ = Q R for x [..., tokens, width], tokens ≤ width.
struct OrthonormalBasis {
  Tensor q_transposed;  // [..., tokens, width], orthonormal rows
  Tensor r;             // [..., tokens, tokens], upper triangular, zeros below its diagonal
};

// By Householder QR, in float32 or float64: just as exact where tokens are alike.
OrthonormalBasis householder_basis(const Tensor& x, torch::Dtype dtype);

// The same for x in bfloat16, computed in float32 from the Cholesky factor of x xᵀ, in half the
// time. Where a token is closer than a 64th of its length to the span of those before it, the
// factor has lost digits that show in bfloat16, and the Householder basis is computed instead. For
// machines with bfloat16 instructions.
OrthonormalBasis cholesky_basis(const Tensor& x);

}  // namespace parallax
