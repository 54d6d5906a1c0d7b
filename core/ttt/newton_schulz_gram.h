// Newton–Schulz on the Gram matrix: the same iteration with fewer and symmetric products.
#pragma once

#include "core/ttt/newton_schulz.h"

namespace parallax {

// True where the fast form takes this problem: on the CPU in float32 or float64, nothing recorded
// for a backward pass, in the gradient's own precision, one step or more.
bool has_gram_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options);

// orthogonalise() for such problems. X ← P(A) X with A = X Xᵀ: as all P are polynomials in A they
// commute, so that several steps need A alone and one product with X at their end. Small singular
// values lose digits in A, and each step multiplies that loss by a²; so X and A are made anew after
// two or three steps. Against float64 it is as accurate as the iteration in float32 itself.
Tensor orthogonalise_gram(const Tensor& gradient,               // [..., rows, cols]
                          const NewtonSchulzOptions& options);  // → [..., rows, cols]

}  // namespace parallax
