// The CUDA kernels on tensors. Built without CUDA nothing is on a GPU, and has_cuda_kernels() says
// so.
#pragma once

#include "core/base/torch.h"
#include "core/ops/common/autograd_support.h"

namespace parallax::cuda {

#ifdef PARALLAX_HAS_CUDA
inline constexpr bool kBuiltWithCuda = true;
#else
inline constexpr bool kBuiltWithCuda = false;
#endif

// True where the kernels take this tensor: on a GPU, in float32 or bfloat16, with a path other than
// the reference in use.
bool has_cuda_kernels(const Tensor& tensor);

void* current_stream(const Tensor& tensor);  // of the tensor's GPU: a cudaStream_t

// These have no backward pass, and take float32 where nothing else is said.

// states_i = factors_i · states_{i−1} + scale · steps_i, from `start` or 0.
Tensor linear_scan(const Tensor& steps,    // [batch, count, …]
                   const Tensor& factors,  // [batch, count, 1…] or undefined: 1
                   const Tensor& start,    // [batch, …] or undefined
                   double scale);          // → [batch, count, …]

// w / (‖column‖ + eps) · norms
Tensor normalise_columns(const Tensor& w,      // [..., rows, cols]
                         const Tensor& norms,  // [..., 1, cols]
                         double eps);

struct LinearAttentionResult {
  Tensor output;  // [batch, L, D]
  Tensor end;     // [batch, Dk, D]
};

// M ← M + scale · Kᵀ V for every chunk, and then O = Q M for its queries.
LinearAttentionResult linear_attention(const Tensor& q,      // [batch, L, Dk] float32 or bfloat16
                                       const Tensor& k,      // [batch, L, Dk]
                                       const Tensor& v,      // [batch, L, D]
                                       const Tensor& start,  // [batch, Dk, D]
                                       int64_t chunk,
                                       double scale);

}  // namespace parallax::cuda
