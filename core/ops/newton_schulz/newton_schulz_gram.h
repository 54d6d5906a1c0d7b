// Newton–Schulz on the Gram matrix: the same iteration with half the operations.
#pragma once

#include <algorithm>

#include "core/ops/newton_schulz/newton_schulz.h"

namespace parallax {

inline constexpr double kFrobeniusEps = 1e-7;  // added to the norm that a gradient is divided by

// How many of the steps that are left share one Gram matrix: as many as keep small singular values'
// digits.
inline int steps_of_gram_block(int left) { return std::min(left, left % 2 == 1 ? 3 : 2); }

const QuinticCoefficients& coefficients_of_step(const NewtonSchulzOptions& options, int step);

// True where products are to be made in bfloat16, and this machine is fast at them.
bool multiplies_in_bfloat16(const Tensor& gradient, const NewtonSchulzOptions& options);

// True where the fast form takes this problem: on the CPU in float32, float64 or (with products in
// bfloat16) bfloat16, nothing recorded for a backward pass, not with the published rounding, one
// step or more.
bool has_gram_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options);

// orthogonalise() for such problems. X ← X P(A) with A = Xᵀ X: as all P are polynomials in A they
// commute, so that several steps need A alone and one product with X at their end, and symmetric
// products are made by halves. Small singular values lose digits in A, and each step multiplies
// that loss by a²; so X and A are made anew after two or three steps. Multiples of the identity are
// kept apart from the matrices, so that rounding is relative to what differs from it. Against
// float64 it is as accurate as the iteration itself in float32; with products in bfloat16 its error
// is a fifth to a half of what rounding each operation of the published form leaves.
Tensor orthogonalise_gram(const Tensor& gradient,               // [..., rows, cols]
                          const NewtonSchulzOptions& options);  // → [..., rows, cols]

// leftᵀ orthogonalise(right) as leftᵀ right again, where the last symmetric factor of the iteration
// is multiplied with the left side: that is less work where it is the narrower one.
struct LowRankFactors {
  Tensor left;   // [..., rows, width]
  Tensor right;  // [..., rows, cols]
};

// Whether `left` fills the kernels, and is not the wider one. rows ≤ cols.
bool takes_last_factor(const Tensor& gradient,  // [..., rows, cols]
                       const Tensor& left);     // [..., rows, width]

// For problems that has_gram_newton_schulz() and takes_last_factor() are true for. `left` may lack
// leading dimensions of the gradient, along which it is then the same.
LowRankFactors orthogonalise_low_rank(const Tensor& gradient,
                                      const Tensor& left,
                                      const NewtonSchulzOptions& options);

}  // namespace parallax
