// The ViT³ layer and the block around it, in the plain and the hierarchical model (SPEC §3).
#pragma once

#include "core/base/torch.h"
#include "vision/models/vit3/inner_nets.h"
#include "vision/models/vit3/layers.h"

namespace parallax {

// Cosines and sines of 2-D rotary embeddings: the first quarter of the channels' pairs rotates with
// the row, the next with the column.
Tensor rotary_table(int64_t rows, int64_t cols, int64_t dim);  // → [rows, cols, dim / 2, 2] float32

// The outputs of the layer's projections: q1, k1, v1 for the GLU and q2, k2, v2 for the
// convolution.
struct Vit3Projections {
  Tensor q1, k1, v1;  // [H, B, N, d]
  Tensor q2, k2, v2;  // [B, rows, cols, d]
};

// Intermediate results of a ViT³ layer, for tests and probes.
struct Vit3LayerTrace {
  Vit3Projections projections;
  GluWeights start;      // before training, [H, 1, d, d]
  GluWeights glu;        // after training, [H, B, d, d]
  Tensor w3;             // after training, [B, 9, d]
  Tensor glu_output;     // [B, N, C]
  Tensor kernel_output;  // [B, N, d]
};

// How an image's tokens are arranged.
struct TokenGrid {
  int64_t rows = 0;
  int64_t cols = 0;
};

// Test-time training of two inner nets on all tokens of an image.
class Vit3Layer : public torch::nn::Module {
 public:
  Vit3Layer(int64_t dim, int64_t heads, bool qkv_bias, const Vit3Rule& rule);

  // `rotations` may be undefined: no rotary embeddings. `addend` may be undefined: 0.
  Tensor forward(const Tensor& x,          // [B, N, C]
                 const TokenGrid& grid,    // N = rows·cols
                 const Tensor& rotations,  // [rows, cols, C / 2, 2]
                 const Vit3Pass& pass,
                 Vit3LayerTrace* trace = nullptr,
                 const Tensor& addend = {}) const;  // [B, N, C]

  // Draws the fast weights' initial values as the published code does.
  void initialise();

  // Changes what the inner loop does without changing the weights.
  void set_rule(const Vit3Rule& rule) { rule_ = rule; }

  // Negates W1 and the output projection's columns that read the gated net. With a gate and the
  // dot-product loss, the layer then computes by ascent what it computed by descent: the steps of
  // W1 do not depend on W1, and those of the gate change their sign with it.
  void mirror();

 private:
  // Parts of the packed projection, [B, N, 3·(C + d)].
  Vit3Projections split(const Tensor& packed, const TokenGrid& grid, const Tensor& rotations) const;

  // What the output projection reads, [B, N, C + d].
  Tensor run_inner_nets(const Tensor& packed,
                        const TokenGrid& grid,
                        const Tensor& rotations,
                        const Vit3Pass& pass,
                        Vit3LayerTrace* trace) const;

  int64_t heads_;
  int64_t head_dim_;
  Vit3Rule rule_;
  Tensor w1_;  // [1, H, d, d]
  Tensor w2_;  // [1, H, d, d]
  Tensor w3_;  // [d, 1, 3, 3]
  std::shared_ptr<Linear> qkv_;
  std::shared_ptr<Linear> proj_;
};

// The sizes and options of one block.
struct Vit3BlockShape {
  int64_t dim = 0;
  int64_t heads = 0;
  int64_t mlp_hidden = 0;
  bool qkv_bias = true;
  bool hierarchical = false;  // rotary embeddings, a convolution in the MLP, a different eps
  TokenGrid grid;             // of the training images: the stored rotations' shape
  double drop_path = 0;
};

// GELU MLP, with a depthwise convolution inside in the hierarchical model.
class Vit3Mlp : public torch::nn::Module {
 public:
  explicit Vit3Mlp(const Vit3BlockShape& shape);
  Tensor forward(const Tensor& x,
                 const TokenGrid& grid,
                 const Tensor& addend = {}) const;  // [B, N, C] each

 private:
  std::shared_ptr<Linear> fc1_;
  std::shared_ptr<Linear> fc2_;
  std::shared_ptr<Convolution> dwc_;
};

// x + cpe(x), then x + layer(norm(x)), then x + mlp(norm(x)).
class Vit3Block : public torch::nn::Module {
 public:
  Vit3Block(const Vit3BlockShape& shape, const Vit3Rule& rule);
  Tensor forward(const Tensor& x, const TokenGrid& grid, const Vit3Pass& pass);  // [B, N, C]

 private:
  // The stored table, recomputed if the grid differs.
  const Tensor& rotations(const TokenGrid& grid);

  int64_t dim_;
  double drop_path_;
  std::shared_ptr<Convolution> cpe_;
  std::shared_ptr<LayerNorm> norm1_;
  std::shared_ptr<Vit3Layer> attn_;
  std::shared_ptr<LayerNorm> norm2_;
  std::shared_ptr<Vit3Mlp> mlp_;
  Tensor rotations_;        // [rows, cols, C / 2, 2] as stored; undefined in the plain model
  Tensor other_rotations_;  // for the last grid of a different shape
};

}  // namespace parallax
