// Linear layers while they are trained on the CPU: products on our own kernels, forward and
// backward.
#pragma once

#include "core/base/torch.h"
#include "core/ops/matmul/packed_linear.h"

namespace parallax {

// Whether trained_linear() takes these: a graph is recorded, and there are kernels for the shapes
// and for the dtype of the products, which is float32, or bfloat16 under autocast.
bool can_train_linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

// activation(x Wᵀ + b), in the dtype of the products. Sums are float32, as are the weight's and the
// bias's gradients, which no rounding to bfloat16 precedes. Differentiable once.
Tensor trained_linear(const Tensor& x,                             // [..., in] float32 or bfloat16
                      const Tensor& weight,                        // [out, in] float32
                      const Tensor& bias,                          // [out] float32 or undefined
                      Activation activation = Activation::kNone);  // → [..., out]

}  // namespace parallax
