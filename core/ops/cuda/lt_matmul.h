// Batched products with an addend apart from the result, which LibTorch's own would copy first.
#pragma once

#include "core/base/torch.h"

namespace parallax::cuda {

// How a product and its addend are weighed, and what is added to every row.
struct LtScales {
  float product = 1;
  float addend = 0;
  Tensor bias = {};  // [cols], of the factors' type; undefined: 0
};

// result = product · a b + addend · c + bias, by cuBLASLt, summed in float32. All are float16 or
// all are bfloat16, on one GPU; a and b may be transposed views of dense matrices, c and `result`
// are dense. Throws Error where cuBLASLt has no way to compute it.
void lt_matmul(const Tensor& a,  // [batch, rows, inner]
               const Tensor& b,  // [batch, inner, cols]
               const Tensor& c,  // [batch, rows, cols]; unused and may be undefined if 0
               const LtScales& scales,
               const Tensor& result);  // [batch, rows, cols]; not a, b or c

// Whether lt_linear() takes these: dense bfloat16 on one GPU, without autocast or a graph.
bool takes_lt_linear(const Tensor& x,
                     const Tensor& weight,
                     const Tensor& bias,
                     const Tensor& addend);

// addend + x Wᵀ + b, rounded once.
Tensor lt_linear(const Tensor& x,        // [..., in]
                 const Tensor& weight,   // [out, in]
                 const Tensor& bias,     // [out]
                 const Tensor& addend);  // [..., out] → [..., out]

}  // namespace parallax::cuda
