// The linear-attention view of a TTT layer (Theorems 5.1–5.3): for every rule, the q̂, k̂, v̂ and S₀
// with which its output is o = q̂ (S₀ + Σᵢ k̂ᵢᵀ v̂ᵢ).
#pragma once

#include "core/ttt/recurrent.h"

namespace parallax {

// The linear attention that one applying range computes. Under an elastic pull each step's products
// have a share for each element of the state: o = q̂ (S₀ + Σ_g C_g ⊙ Σ_{i in g} k̂ᵢᵀ v̂ᵢ), with the
// keys in groups, one per step. No vector k̂ or v̂ could hold such a share.
struct LinearAttentionView {
  Tensor q_hat;  // [batch, Lq, Dh]: φ of the queries, with the weights at that point
  Tensor k_hat;  // [batch, Lk, Dh]: φ of every key seen, each with the weights at its time
  Tensor v_hat;  // [batch, Lk, D]: the effective values, momentum and normalisations included
  Tensor s0;     // [batch, Dh, D]
  std::vector<Tensor> shares;          // C of each group, [batch, Dh, D]; empty: all are 1
  std::vector<int64_t> group_lengths;  // as many: the keys of each group, which follow one another

  Tensor output() const;  // [batch, Lq, D]
};

// One view per applying range of the schedule, in order. Exact for every rule of the table:
// orthogonalisation and weight norm act on the value side, as right factors, and momentum scales
// values, so each step of the inner loop stays a sum of outer products k̂ᵀ v̂. Keys are listed once
// per inner step, and under an elastic pull once more per later step whose momentum carries them.
std::vector<LinearAttentionView> linear_attention_views(const UpdateRule& rule,
                                                        const FastWeights& weights,
                                                        const TttInputs& inputs,
                                                        const Schedule& schedule);

}  // namespace parallax
