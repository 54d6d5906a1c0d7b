// Newton–Schulz on a GPU: batched products with the polynomial's terms added by the products.
#pragma once

#include "core/ops/newton_schulz/newton_schulz.h"

namespace parallax {

// True where orthogonalise_cuda() takes this problem: in float32 on a GPU, with low-precision
// products asked for, no graph being recorded, one step or more.
bool has_cuda_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options);

// orthogonalise() for such problems, in float16: all numbers of the iteration are near 1, so that
// float16's narrow range suffices, and its rounding is an eighth of bfloat16's. Small singular
// values are multiplied by up to a⁵, and rounding noise with them.
Tensor orthogonalise_cuda(const Tensor& gradient,               // [..., rows, cols]
                          const NewtonSchulzOptions& options);  // → [..., rows, cols] float16

}  // namespace parallax
