// Newton–Schulz with a backward pass of its own, for training through the inner update.
#pragma once

#include "core/ops/newton_schulz/newton_schulz.h"

namespace parallax {

// True where a graph is being recorded and the kernels take the problem: float32 or float64 on the
// CPU, in the gradient's own precision, one step or more.
bool has_autograd_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options);

// orthogonalise() for such problems, differentiable once (PARALLAX_KERNELS=reference: twice). Each
// step's X and A = Xᵀ X are kept; with X' = a X + X P, P = b A + c A², and G the gradient of X',
//   S = Xᵀ G + Gᵀ X,  dX = a G + G P + X (b S + c (S A + A S)),
// in which all products but those with X and G are symmetric (one triangle is computed).
Tensor orthogonalise_autograd(const Tensor& gradient,               // [..., rows, cols]
                              const NewtonSchulzOptions& options);  // → [..., rows, cols]

}  // namespace parallax
