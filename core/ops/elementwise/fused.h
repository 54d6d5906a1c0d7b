// Element-wise parts of the layers, each with one pass over memory forward and one backward. Where
// core/ops/common/dispatch.h finds no fused kernel, or the reference path is in use, they are
// LibTorch operations, the oracle of the fused kernels. All are differentiable once.
#pragma once

#include <vector>

#include "core/base/torch.h"
#include "core/ops/elementwise/kernels.h"

namespace parallax {

using kernels::HeadMode;

// How a packed projection is split.
struct HeadSplit {
  int64_t heads = 1;
  std::vector<HeadMode> modes;  // one per part, at most three
  double eps = 0;               // of kSiluUnit and kRmsNorm
  Tensor rotations = {};        // [L, heads·D / 2, 2] for kRotate: cosine and sine
  bool heads_first = false;     // parts are [heads, B, L, D], else [B, heads, L, D]
};

// Splits a packed projection into parts and heads; each head's row goes through its part's mode.
// Returns one tensor per part. Throws Error where the widths, rotations or weights do not fit.
std::vector<Tensor> split_heads(const Tensor& packed,  // [B, L, parts·heads·D], may be a slice
                                const HeadSplit& split,
                                const std::vector<Tensor>& weights = {});  // [D] for kRmsNorm
                                                                           // → [B·heads, L, D]

// RMSNorm over D, then the heads concatenated.
Tensor merge_heads(const Tensor& parted,  // [B·heads, L, D]
                   int64_t heads,
                   const Tensor& weight,  // [D]
                   double eps);           // → [B, L, heads·D]

// silu(a) ⊙ m, each row times its rate where rates are given.
Tensor swiglu(const Tensor& a,           // [batch, L, Dh]
              const Tensor& m,           // [batch, L, Dh]
              const Tensor& rate = {});  // [batch, L, 1] or undefined → [batch, L, Dh]

// The factors of the inner net's gradients: dW0 = Kᵀ da, dW1 = hᵀ V, dW2 = Kᵀ dm.
struct InnerFactors {
  Tensor h;   // silu(a) ⊙ m · lr1
  Tensor da;  // dh ⊙ m ⊙ silu'(a) · lr0
  Tensor dm;  // dh ⊙ silu(a) · lr2
};

// From a = K W0, m = K W2 and dh = V W1ᵀ, all [batch, L, Dh]; rates [batch, L, 1], all or none.
InnerFactors inner_factors(const Tensor& a,
                           const Tensor& m,
                           const Tensor& dh,
                           const Tensor& lr0,
                           const Tensor& lr1,
                           const Tensor& lr2);

}  // namespace parallax
