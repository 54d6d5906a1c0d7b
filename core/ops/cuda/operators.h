// The CUDA kernels as functions of tensors. In a build without CUDA has_cuda_kernels() is always
// false, and the operators throw Error.
#pragma once

#include "core/base/torch.h"
#include "core/ops/common/autograd_support.h"

namespace parallax::cuda {

#ifdef PARALLAX_HAS_CUDA
inline constexpr bool kBuiltWithCuda = true;
#else
inline constexpr bool kBuiltWithCuda = false;
#endif

// True where the kernels take this tensor: it is on a GPU, in float32 or bfloat16, and the path in
// use is not the reference.
bool has_cuda_kernels(const Tensor& tensor);

void* current_stream(const Tensor& tensor);  // a cudaStream_t of the tensor's GPU

// Forward only; float32 unless noted.

// states_i = factors_i · states_{i−1} + scale · steps_i, from `start` or 0.
Tensor linear_scan(const Tensor& steps,    // [batch, count, …]
                   const Tensor& factors,  // [batch, count, 1…] or undefined: 1
                   const Tensor& start,    // [batch, …] or undefined
                   double scale);          // → [batch, count, …]

// w / (‖column‖ + eps) · norms
Tensor normalise_columns(const Tensor& w,      // [..., rows, cols]
                         const Tensor& norms,  // [..., 1, cols]
                         double eps);

// The outputs, and the state after the last chunk.
struct LinearAttentionResult {
  Tensor output;  // [batch, L, D]
  Tensor end;     // [batch, Dk, D]
};

// For each chunk of `chunk` tokens M ← M + scale · Kᵀ V, then O = Q M for the chunk's queries.
LinearAttentionResult linear_attention(const Tensor& q,      // [batch, L, Dk] float32 or bfloat16
                                       const Tensor& k,      // [batch, L, Dk]
                                       const Tensor& v,      // [batch, L, D]
                                       const Tensor& start,  // [batch, Dk, D]
                                       int64_t chunk,
                                       double scale);

}  // namespace parallax::cuda
