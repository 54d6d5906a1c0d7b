// Attention whose matrix products run on our own kernels, forward and backward.
#pragma once

#include "core/base/torch.h"

namespace parallax {

// softmax(q kᵀ / √D) v per head, heads concatenated: differentiable, on any device and dtype. On
// the CPU, in float32 and (where the processor multiplies it) bfloat16, numbers of tokens and
// widths that are multiples of the GEMM kernels' tile run on these: at the models' 64 to 1,024
// tokens LibTorch's flash attention is several times slower, above all backward.
Tensor attention(const Tensor& q,   // [B, H, N, D]
                 const Tensor& k,   // [B, H, N, D]
                 const Tensor& v);  // [B, H, N, D] → [B, N, H·D]

}  // namespace parallax
