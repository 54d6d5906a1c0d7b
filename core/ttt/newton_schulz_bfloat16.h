// Newton–Schulz with matrix products in bfloat16, on the Gram matrix.
#pragma once

#include "core/ttt/newton_schulz.h"

namespace parallax {

// True where orthogonalise_bfloat16() takes this problem: asked for (kBfloat16Products), on a CPU
// with bfloat16 instructions, in float32 or bfloat16, nothing recorded for a backward pass.
bool has_bfloat16_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options);

// orthogonalise() with every product in bfloat16 (sums in float32) and half the operations of the
// published form: symmetric matrices are made by one triangle, and two or three steps share the
// products with the gradient. Multiples of the identity stay apart from the matrices, so that
// rounding is relative to what differs from it: against float64 the error is a fifth to a half of
// what rounding each operation of the published form leaves.
Tensor orthogonalise_bfloat16(const Tensor& gradient,               // [..., rows, cols]
                              const NewtonSchulzOptions& options);  // → [..., rows, cols]

}  // namespace parallax
