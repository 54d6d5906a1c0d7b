// The sub-layers of a LaCT-NVS block, with the published code's parameter names (SPEC §2).
#pragma once

#include "core/base/torch.h"
#include "core/ttt/form.h"
#include "core/ttt/parallel.h"
#include "vision/models/lact_nvs/lact_options.h"
#include "vision/models/layers.h"

namespace parallax {

inline constexpr double kLayerNormEps = 1e-5;

// Self-attention within each view.
class ViewAttention : public torch::nn::Module {
 public:
  explicit ViewAttention(const LactNvsOptions& options);
  Tensor forward(const Tensor& x,                 // [B, V·T, dim]
                 int64_t tokens_per_view) const;  // T

 private:
  int64_t head_dim_;
  std::shared_ptr<Linear> to_qkv_;
  std::shared_ptr<Linear> c_proj_;
  std::shared_ptr<RmsNorm> q_norm_;
  std::shared_ptr<RmsNorm> k_norm_;
};

// Two linear layers with a GELU between them.
class GeluMlp : public torch::nn::Module {
 public:
  explicit GeluMlp(const LactNvsOptions& options);
  Tensor forward(const Tensor& x) const;  // [B, L, dim]

 private:
  std::shared_ptr<Linear> c_fc_;
  std::shared_ptr<Linear> c_proj_;
};

// How one pass runs the TTT layers.
struct LactPass {
  Schedule schedule;
  Form form = Form::kRecurrent;
  int64_t tokens_per_view = 0;  // the recurrent form reads one view at a time
};

// A layer's output and the fast weights that it leaves.
struct LactLayerResult {
  Tensor output;     // [B, applied tokens, dim]
  InnerState state;  // [B·heads, …]
};

// The LaCT layer: projections, per-token rates, the fast-weight operator, RMSNorm, output
// projection.
class LactLayer : public torch::nn::Module {
 public:
  explicit LactLayer(const LactNvsOptions& options);

  // `start` continues from an earlier state; null starts from the layer's own weights.
  LactLayerResult forward(const Tensor& x,  // [B, L, dim]
                          const LactPass& pass,
                          const InnerState* start = nullptr) const;

  // The state that forward() leaves when it starts from the layer's own weights; skips the output.
  InnerState read(const Tensor& x, const LactPass& pass) const;  // x: [B, L, dim]

  // q, k, v and rates of the tokens, split into heads.
  TttInputs project(const Tensor& x) const;

  // The slow weights as fast weights, repeated for a batch: [B·heads, …].
  FastWeights initial_weights(int64_t batch) const;

  UpdateRule& rule() { return rule_; }
  const UpdateRule& rule() const { return rule_; }

  // Draws the weights as the published code does.
  void initialise();

  // Negates W1 and the output projection. Under the dot-product loss the layer then computes by
  // ascent what it computed by descent: the step of W1 does not depend on W1, those of W0 and W2
  // change their sign with it, and all that follows up to the output projection is odd.
  void mirror();

  // Turns off the gradients of parameters that the rule never reads.
  void freeze_unused();

 private:
  TttResult run(const TttInputs& inputs,
                const InnerState& start,
                const Schedule& schedule,
                const LactPass& pass) const;
  // Of each token: [B·heads, L, 1 or Dh]; undefined without one.
  Tensor decay(const Tensor& x) const;

  int64_t num_heads_;
  int64_t head_dim_;
  double base_rate_offset_;  // softplus⁻¹(base_lr)
  bool has_query_;           // by the rule it was made for: a changed rule may leave it unused
  UpdateRule rule_;
  Tensor w0_;  // [heads, D, Dh]
  Tensor w1_;  // [heads, Dh, D]
  Tensor w2_;  // [heads, D, Dh]
  std::shared_ptr<Linear> to_qkv_;
  std::shared_ptr<Linear> c_proj_;
  torch::nn::Linear lr_fc_{nullptr};
  torch::nn::Linear decay_fc_{nullptr};  // where the decay comes from the token
  std::shared_ptr<RmsNorm> o_norm_;
};

}  // namespace parallax
