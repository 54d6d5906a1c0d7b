// The sub-layers in LibTorch operations; the fast-weight operator is in core/ttt.
#include "vision/models/lact_nvs/lact_layer.h"

#include <cmath>

#include "core/ops/attention/attention.h"
#include "core/ops/elementwise/fused.h"

namespace parallax {
namespace {

constexpr double kQueryKeyNormEps = 1.1920929e-07;  // RMSNorm's default: float32's epsilon
constexpr double kOutputNormEps = 1e-5;
constexpr double kUnitNormEps = 1e-5;

// The decay from the token where decay_fc gives 0: a gate that hardly forgets.
constexpr double kBaseDecay = 0.99;
const double kBaseDecayOffset = std::log(kBaseDecay / (1 - kBaseDecay));  // σ⁻¹

// RetNet's fixed decay of a head, 1 − 2^(−5 − head).
double retention_decay(int64_t head) { return 1 - std::exp2(-5.0 - static_cast<double>(head)); }

double inverse_softplus(double y) { return y + std::log(-std::expm1(-y)); }

}  // namespace

ViewAttention::ViewAttention(const LactNvsOptions& options)
    : head_dim_(options.attention_head_dim),
      to_qkv_(
          register_module("to_qkv", std::make_shared<Linear>(options.dim, 3 * options.dim, false))),
      c_proj_(
          register_module("c_proj", std::make_shared<Linear>(options.dim, options.dim, false))) {
  if (options.use_qk_norm) {
    q_norm_ = register_module("q_norm", std::make_shared<RmsNorm>(head_dim_));
    k_norm_ = register_module("k_norm", std::make_shared<RmsNorm>(head_dim_));
  }
}

Tensor ViewAttention::forward(const Tensor& x, int64_t tokens_per_view) const {
  const int64_t dim = x.size(2);
  const int64_t views = x.size(0) * x.size(1) / tokens_per_view;
  const int64_t heads = dim / head_dim_;
  HeadSplit split{.heads = heads,
                  .modes = {HeadMode::kCopy, HeadMode::kCopy, HeadMode::kCopy},
                  .eps = kQueryKeyNormEps};
  std::vector<Tensor> scales;
  if (q_norm_) {
    split.modes = {HeadMode::kRmsNorm, HeadMode::kRmsNorm, HeadMode::kCopy};
    scales = {q_norm_->weight(), k_norm_->weight()};
  }
  std::vector<Tensor> qkv =
      split_heads(to_qkv_->forward(x).view({views, tokens_per_view, 3 * dim}), split, scales);
  for (Tensor& part : qkv) {
    part = part.view({views, heads, tokens_per_view, head_dim_});
  }
  // Under mixed precision LibTorch computes norms in float32 and projections in bfloat16.
  const auto dtype = qkv[2].scalar_type();
  const Tensor attended = attention(qkv[0].to(dtype), qkv[1].to(dtype), qkv[2]);
  return c_proj_->forward(attended.view(x.sizes()));
}

GeluMlp::GeluMlp(const LactNvsOptions& options)
    : c_fc_(
          register_module("c_fc",
                          std::make_shared<Linear>(options.dim, options.mlp_hidden_dim(), false))),
      c_proj_(register_module(
          "c_proj",
          std::make_shared<Linear>(options.mlp_hidden_dim(), options.dim, false))) {}

Tensor GeluMlp::forward(const Tensor& x) const {
  return c_proj_->forward(c_fc_->forward(x, Activation::kGelu));
}

LactLayer::LactLayer(const LactNvsOptions& options)
    : num_heads_(options.num_ttt_heads()),
      head_dim_(options.ttt_head_dim),
      base_rate_offset_(inverse_softplus(options.base_lr)),
      rule_{.switches = find_variant(options.variant).switches} {
  rule_.newton_schulz.steps = options.muon_update_steps;
  const int64_t hidden = options.ttt_hidden_dim();
  w0_ = register_parameter("w0", torch::zeros({num_heads_, head_dim_, hidden}));
  w1_ = register_parameter("w1", torch::zeros({num_heads_, hidden, head_dim_}));
  w2_ = register_parameter("w2", torch::zeros({num_heads_, head_dim_, hidden}));
  // If the key serves as the query, the published layer has no query projection.
  has_query_ = rule_.switches.query == QuerySource::kQuery;
  const int64_t parts = has_query_ ? 3 : 2;
  to_qkv_ =
      register_module("to_qkv", std::make_shared<Linear>(options.dim, parts * options.dim, false));
  c_proj_ = register_module("c_proj", std::make_shared<Linear>(options.dim, options.dim, false));
  lr_fc_ = register_module("lr_fc", torch::nn::Linear(options.dim, 3 * num_heads_));
  if (rule_.switches.decay == Decay::kToken || rule_.switches.decay == Decay::kChannel) {
    const int64_t decays = num_heads_ * decay_width(rule_.switches, hidden);
    decay_fc_ = register_module("decay_fc", torch::nn::Linear(options.dim, decays));
  }
  o_norm_ = register_module("o_norm", std::make_shared<RmsNorm>(head_dim_));
}

void LactLayer::initialise() {
  const torch::NoGradGuard no_grad;
  const double gain = std::sqrt(2.0);
  w0_.normal_(0, gain / std::sqrt(static_cast<double>(w0_.size(1))));
  w1_.normal_(0, gain / std::sqrt(static_cast<double>(w1_.size(1))));
  w2_.normal_(0, gain / std::sqrt(static_cast<double>(w2_.size(1))));
}

void LactLayer::mirror() {
  const torch::NoGradGuard no_grad;
  w1_.neg_();
  c_proj_->weight().neg_();
}

void LactLayer::freeze_unused() {
  if (rule_.switches.feature_map == FeatureMap::kIdentity) {
    w0_.set_requires_grad(false);
    w2_.set_requires_grad(false);
  }
  if (!rule_.switches.per_token_rate) {
    lr_fc_->weight.set_requires_grad(false);
    lr_fc_->bias.set_requires_grad(false);
  }
}

TttInputs LactLayer::project(const Tensor& x) const {
  HeadSplit split{
      .heads = num_heads_, .modes = {HeadMode::kSiluUnit, HeadMode::kSilu}, .eps = kUnitNormEps};
  if (has_query_) {
    split.modes.insert(split.modes.begin(), HeadMode::kSiluUnit);
  }
  const std::vector<Tensor> parts = split_heads(to_qkv_->forward(x), split);
  TttInputs inputs;
  if (has_query_) {
    inputs.q = parts.front();
  }
  inputs.k = parts[parts.size() - 2];
  inputs.v = parts.back();
  // Rates keep their own precision: they are small and multiply whole gradients.
  const Tensor raw =
      torch::linear(x.to(lr_fc_->weight.scalar_type()), lr_fc_->weight, lr_fc_->bias);
  const std::vector<Tensor> rates = torch::softplus(raw + base_rate_offset_)
                                        .view({x.size(0), x.size(1), 3, num_heads_, 1})
                                        .permute({2, 0, 3, 1, 4})
                                        .reshape({3, x.size(0) * num_heads_, x.size(1), 1})
                                        .unbind(0);
  inputs.lr0 = rates[0];
  inputs.lr1 = rates[1];
  inputs.lr2 = rates[2];
  inputs.decay = decay(x);
  return inputs;
}

Tensor LactLayer::decay(const Tensor& x) const {
  if (rule_.switches.decay == Decay::kNone) {
    return {};
  }
  const int64_t batch = x.size(0);
  const int64_t tokens = x.size(1);
  if (rule_.switches.decay == Decay::kFixed) {
    Tensor of_heads = torch::empty({num_heads_}, torch::kFloat64);
    for (int64_t head = 0; head < num_heads_; ++head) {
      of_heads[head] = retention_decay(head);
    }
    return of_heads.to(w1_.options()).repeat({batch}).view({-1, 1, 1}).expand({-1, tokens, 1});
  }
  // In its own precision, like the rates.
  const Tensor raw =
      torch::linear(x.to(decay_fc_->weight.scalar_type()), decay_fc_->weight, decay_fc_->bias);
  return torch::sigmoid(raw + kBaseDecayOffset)  // [B, L, heads · (1 or Dh)]
      .view({batch, tokens, num_heads_, -1})
      .transpose(1, 2)
      .flatten(0, 1);
}

FastWeights LactLayer::initial_weights(int64_t batch) const {
  return {w0_.repeat({batch, 1, 1}), w1_.repeat({batch, 1, 1}), w2_.repeat({batch, 1, 1})};
}

TttResult LactLayer::run(const TttInputs& inputs,
                         const InnerState& start,
                         const Schedule& schedule,
                         const LactPass& pass) const {
  return pass.form == Form::kParallel
             ? run_parallel(rule_, start, inputs, schedule)
             : run_recurrent(rule_, start, inputs, schedule, {.token_block = pass.tokens_per_view});
}

LactLayerResult LactLayer::forward(const Tensor& x,
                                   const LactPass& pass,
                                   const InnerState* start) const {
  const TttInputs inputs = project(x);
  const InnerState state =
      start != nullptr ? *start : start_state(rule_, initial_weights(x.size(0)));
  TttResult result = run(inputs, state, pass.schedule, pass);
  const Tensor merged =
      merge_heads(result.output.to(x.scalar_type()), num_heads_, o_norm_->weight(), kOutputNormEps);
  return {c_proj_->forward(merged), std::move(result.state)};
}

InnerState LactLayer::read(const Tensor& x, const LactPass& pass) const {
  Schedule updates;
  for (ScheduleStep step : pass.schedule) {
    if (step.update) {
      step.apply = false;
      updates.push_back(step);
    }
  }
  return run(project(x), start_state(rule_, initial_weights(x.size(0))), updates, pass).state;
}

}  // namespace parallax
