// Newton–Schulz on the Gram matrix: the same iteration with half the operations.
#pragma once

#include <algorithm>

#include "core/ops/newton_schulz/newton_schulz.h"

namespace parallax {

inline constexpr double kFrobeniusEps = 1e-7;  // added to the norm that a gradient is divided by

// How many of the remaining steps share one Gram matrix: as many as keep the digits of small
// singular values.
inline int steps_of_gram_block(int left) { return std::min(left, left % 2 == 1 ? 3 : 2); }

// The step's triple, or the last one if there are fewer.
const QuinticCoefficients& coefficients_of_step(const NewtonSchulzOptions& options, int step);

// True where products are to be computed in bfloat16 and this machine is fast at them.
bool multiplies_in_bfloat16(const Tensor& gradient, const NewtonSchulzOptions& options);

// True where the fast form takes this problem: on the CPU in float32, float64 or (with products in
// bfloat16) bfloat16, no graph being recorded, without the published rounding, one step or more.
bool has_gram_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options);

// orthogonalise() for such problems. X ← X P(A) with A = Xᵀ X: as all P are polynomials in A, they
// commute, so that several steps need only A and one product with X at their end, and only one
// triangle of symmetric products is computed. Small singular values lose digits in A, and each step
// multiplies that loss by a²; so X and A are recomputed after two or three steps. Multiples of the
// identity are stored apart from the matrices, so that rounding is relative to the difference from
// them. Against float64 it is as accurate as the iteration itself in float32; with products in
// bfloat16 its error is a fifth to a half of that of the published form, which rounds each
// operation.
Tensor orthogonalise_gram(const Tensor& gradient,               // [..., rows, cols]
                          const NewtonSchulzOptions& options);  // → [..., rows, cols]

// The low-rank matrix leftᵀ right. As a result it is leftᵀ orthogonalise(right), with the last
// symmetric factor of the iteration applied to the left side, which is less work where that is the
// narrower one.
struct LowRankFactors {
  Tensor left;   // [..., rows, width]
  Tensor right;  // [..., rows, cols]
};

// Whether the last factor can be applied to `left`: its width suits the kernels and is at most
// `cols`. rows ≤ cols.
bool takes_last_factor(const Tensor& gradient,  // [..., rows, cols]
                       const Tensor& left);     // [..., rows, width]

// leftᵀ orthogonalise(gradient) as low-rank factors, for problems that has_gram_newton_schulz() and
// takes_last_factor() are true for. `left` is broadcast over leading dimensions of the gradient
// that it lacks.
LowRankFactors orthogonalise_low_rank(const Tensor& gradient,  // [..., rows, cols]
                                      const Tensor& left,      // [..., rows, width]
                                      const NewtonSchulzOptions& options);

}  // namespace parallax
