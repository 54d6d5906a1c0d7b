// The two inner nets that a ViT³ layer trains while it reads an image: one gated linear unit per
// head, and a depthwise 3×3 convolution (SPEC §3).
#pragma once

#include <vector>

#include "core/base/torch.h"
#include "core/ttt/form.h"
#include "vision/models/vit3/variants.h"

namespace parallax {

struct Vit3LayerTrace;

// How one pass runs the layers. All tokens of an image make one update range, so every rule has
// both forms: the recurrent one reads the token grid a few rows at a time, each step adding its
// share to the running gradient; the parallel one takes all tokens in one product.
struct Vit3Pass {
  Form form = Form::kParallel;
  int64_t rows_per_step = 1;  // in the recurrent form
  // If given, each layer's intermediate results are appended, block after block.
  std::vector<Vit3LayerTrace>* layers = nullptr;
};

// f(x) = (x W1) ⊙ silu(x W2); under the identity feature map f(x) = x W1.
struct GluWeights {
  Tensor w1;  // [H, B, d, d] after training, [H, 1, d, d] before
  Tensor w2;  // likewise
};

// As many gradient steps on all tokens as the rule has inner steps. `tokens_per_step` 0: all at
// once.
GluWeights train_glu(const Vit3Rule& rule,
                     const Tensor& q,            // [H, B, N, d]
                     const Tensor& k,            // [H, B, N, d]
                     const Tensor& v,            // [H, B, N, d]
                     const GluWeights& weights,  // [H, 1, d, d]
                     int64_t tokens_per_step);

// The trained net's output for the queries, or for whatever the rule puts in their place.
Tensor apply_glu(const Vit3Rule& rule,
                 const Tensor& q,             // [H, B, N, d]
                 const Tensor& k,             // [H, B, N, d]
                 const GluWeights& weights);  // → [H, B, N, d]

// [H, B, N, d] → [B, N, H·d].
Tensor side_by_side(const Tensor& heads);

// Trains on all tokens and applies the result; with a single step in one pass over memory if fused
// kernels exist for the rule and the tensors.
Tensor train_and_apply_glu(const Vit3Rule& rule,
                           const Tensor& q,            // [H, B, N, d]
                           const Tensor& k,            // [H, B, N, d]
                           const Tensor& v,            // [H, B, N, d]
                           const GluWeights& weights,  // [H, 1, d, d]
                           int64_t tokens_per_step);   // → [B, N, H·d]

// A layer's heads and its tokens' grid.
struct InnerNetSizes {
  int64_t heads = 0;
  int64_t rows = 0;
  int64_t cols = 0;
};

// Both nets, trained on all tokens at once and applied, straight from the packed projection;
// undefined where no kernel takes the rule and the tensors.
Tensor train_and_apply_at_once(const Vit3Rule& rule,
                               const Tensor& packed,     // [B, N, 3·(H·d + d)]
                               const Tensor& rotations,  // [rows, cols, H·d / 2, 2] or undefined
                               const GluWeights& start,  // [H, 1, d, d]
                               const Tensor& w3,         // [d, 1, 3, 3]
                               const InnerNetSizes& sizes);  // → [B, N, H·d + d]

// The gradient steps of the convolution's kernels. `rows_per_step` 0: all at once.
Tensor train_convolution(const Vit3Rule& rule,
                         const Tensor& q,         // [B, rows, cols, d]
                         const Tensor& k,         // [B, rows, cols, d]
                         const Tensor& v,         // [B, rows, cols, d]
                         const Tensor& w3,        // [d, 1, 3, 3]
                         int64_t rows_per_step);  // → [B, 9, d]

Tensor apply_convolution(const Vit3Rule& rule,
                         const Tensor& q,    // [B, rows, cols, d]
                         const Tensor& k,    // [B, rows, cols, d]
                         const Tensor& w3);  // [B, 9, d] → [B, rows, cols, d]

}  // namespace parallax
