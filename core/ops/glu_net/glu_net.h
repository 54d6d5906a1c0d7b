// ViT³'s gated linear unit, trained on an image's tokens and applied to them in one pass over
// memory, forward and backward (core/ops/glu_net/kernels.h has the formulas).
#pragma once

#include "core/base/torch.h"

namespace parallax {

// How the unit is trained.
struct GluNetRule {
  bool gated = true;
  bool trains_gate = true;  // without a gate: false
  bool normalised = true;   // divides each column of a step by its norm + 1
  double scale = 1;         // of the steps
  double sign = 1;          // −1: ascent
  // Tokens that training reads at a time, each block adding its share to the steps, as in the
  // recurrent form; 0: all of them, in blocks that fit the cache.
  int64_t step_tokens = 0;
};

// The trained net's outputs for q, heads concatenated. Differentiable once. Throws Error unless the
// tensors have one dtype that has_fused_kernels() (core/ops/common/dispatch.h) takes and the shapes
// fit; w1 and w2 stay in float32 under bfloat16.
Tensor glu_net(const Tensor& q,          // [H, B, N, d]
               const Tensor& k,          // [H, B, N, d]
               const Tensor& v,          // [H, B, N, d]
               const Tensor& w1,         // [H, d, d]
               const Tensor& w2,         // [H, d, d]
               const GluNetRule& rule);  // → [B, N, H·d]

}  // namespace parallax
