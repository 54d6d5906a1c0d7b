// The linear-attention view of a TTT layer (Theorems 5.1–5.3): for every rule, the q̂, k̂, v̂ and S₀
// with which its output is o = q̂ (S₀ + Σᵢ k̂ᵢᵀ v̂ᵢ).
#pragma once

#include "core/ttt/recurrent.h"

namespace parallax {

// The linear attention that one applying range computes.
struct LinearAttentionView {
  Tensor q_hat;  // [batch, Lq, Dh]: φ of the queries, with the weights at that point
  Tensor k_hat;  // [batch, Lk, Dh]: φ of every key seen, each with the weights at its time
  Tensor v_hat;  // [batch, Lk, D]: the effective values, momentum and normalisations included
  Tensor s0;     // [batch, Dh, D]

  Tensor output() const { return q_hat.matmul(s0 + k_hat.transpose(1, 2).matmul(v_hat)); }
};

// One view per applying range of the schedule, in order. Exact for every rule of the table:
// orthogonalisation and weight norm act on the value side, as right factors, and momentum scales
// values, so each step of the inner loop stays a sum of outer products k̂ᵀ v̂. Keys are listed once
// per inner step.
std::vector<LinearAttentionView> linear_attention_views(const UpdateRule& rule,
                                                        const FastWeights& weights,
                                                        const TttInputs& inputs,
                                                        const Schedule& schedule);

}  // namespace parallax
