// ViT³'s gated linear unit, trained on an image's tokens and applied to them in one pass over
// memory, forward and backward (core/ops/glu_net/kernels.h has the formulas).
#pragma once

#include "core/base/torch.h"

namespace parallax {

struct GluNetRule {
  bool gated = true;
  bool trains_gate = true;  // without a gate: false
  bool normalised = true;   // each column of a step by its norm + 1
  double scale = 1;         // of the steps
  double sign = 1;          // −1: ascent
  // Tokens that are read at a time while training, each time adding their share to the steps, as
  // the recurrent form does; 0: all of them, as far as the cache holds them.
  int64_t step_tokens = 0;
};

// The trained net's outputs for q, heads side by side. Differentiable once. For tensors of one
// dtype that core/ttt/dispatch's has_fused_kernels takes, else it throws Error; w1 and w2 stay in
// float32 under bfloat16.
Tensor glu_net(const Tensor& q,          // [H, B, N, d]
               const Tensor& k,          // [H, B, N, d]
               const Tensor& v,          // [H, B, N, d]
               const Tensor& w1,         // [H, d, d]
               const Tensor& w2,         // [H, d, d]
               const GluNetRule& rule);  // → [B, N, H·d]

}  // namespace parallax
