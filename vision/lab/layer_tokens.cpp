// Projections of a model's tokens, and other rules on them.
#include "vision/lab/layer_tokens.h"

#include <algorithm>
#include <cmath>

#include <ATen/CPUGeneratorImpl.h>

namespace parallax::lab {
namespace {

// Matrices whose products with unit vectors have entries of about 1/√width, as trained nets have.
Tensor random_matrix(at::IntArrayRef shape, const Tensor& like, at::Generator& generator) {
  return at::randn(shape, generator, like.options().dtype(torch::kFloat32)).to(like.scalar_type()) *
         (std::sqrt(2.0) / std::sqrt(static_cast<double>(shape[1])));
}

}  // namespace

std::vector<LayerTokens> layers_of(const NvsModel& model,
                                   const PreparedScene& scene,
                                   int64_t views) {
  const torch::InferenceMode inference;
  const int64_t count = std::min(views, scene.inputs.batch.views());
  const std::vector<TttInputs> inputs = model.module->layer_inputs(
      scene.inputs.images.slice(1, 0, count), scene.inputs.batch.slice(0, count));
  std::vector<LayerTokens> layers;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const LactLayer& layer = model.module->layer(static_cast<int64_t>(i));
    layers.push_back({.rule = layer.rule(),
                      .weights = layer.initial_weights(1),
                      .inputs = inputs[i],
                      .view_tokens = inputs[i].k.size(1) / count});
  }
  return layers;
}

LayerTokens to_dtypes(const LayerTokens& layer, torch::Dtype tokens, torch::Dtype others) {
  LayerTokens cast = layer;
  cast.inputs = map_inputs(layer.inputs, [&](const Tensor& x) { return x.to(others); });
  for (Tensor* x : {&cast.inputs.q, &cast.inputs.k, &cast.inputs.v}) {
    if (x->defined()) {
      *x = x->to(tokens);
    }
  }
  for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
    if ((cast.weights.*matrix).defined()) {
      cast.weights.*matrix = (cast.weights.*matrix).to(others);
    }
  }
  return cast;
}

LayerTokens under_rule(const LayerTokens& layer, const VariantSwitches& switches, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  LayerTokens changed = layer;
  changed.rule.switches = switches;
  const Tensor& w1 = layer.weights.w1;
  const int64_t heads = w1.size(0);
  const int64_t width = w1.size(2);
  const bool was_identity = layer.rule.switches.feature_map == FeatureMap::kIdentity;
  if (switches.feature_map == FeatureMap::kIdentity && w1.size(1) != width) {
    changed.weights = {.w1 = random_matrix({heads, width, width}, w1, generator)};
  } else if (switches.feature_map == FeatureMap::kSwiGlu && was_identity) {
    changed.weights.w0 = random_matrix({heads, width, w1.size(1)}, w1, generator);
    changed.weights.w2 = random_matrix({heads, width, w1.size(1)}, w1, generator);
  }
  TttInputs& inputs = changed.inputs;
  if (!inputs.q.defined()) {  // the model's own rule takes the keys
    inputs.q = inputs.k;
  }
  const auto gates = [&](double low, double high, int64_t channels = 1) {
    const Tensor uniform = at::rand(
        {heads, inputs.k.size(1), channels}, generator, w1.options().dtype(torch::kFloat32));
    return (low + (high - low) * uniform).to(w1.scalar_type());
  };
  const int64_t channels = decay_width(switches, changed.weights.w1.size(1));
  if (switches.decay != Decay::kNone &&
      !(inputs.decay.defined() && inputs.decay.size(2) == channels)) {
    inputs.decay = gates(0.9, 1, channels);
  }
  if (switches.momentum && !inputs.momentum.defined()) {
    inputs.momentum = gates(0.5, 1);
  }
  return changed;
}

double inner_loss(const VariantSwitches& rule,
                  const TttInputs& inputs,
                  const FastWeights& weights) {
  const Tensor prediction = apply_fast_weights(rule, inputs.k, weights);
  const Tensor loss = rule.loss == InnerLoss::kMse ? (prediction - inputs.v).square().sum(-1) * 0.5
                                                   : -(prediction * inputs.v).sum(-1);
  return loss.mean().item<double>();
}

Agreement agreement_of(const Tensor& a, const Tensor& b) {
  const Tensor wide = b.to(torch::kFloat64);
  const Tensor difference = a.to(torch::kFloat64) - wide;
  const double norm = wide.norm().item<double>();
  return {difference.abs().max().item<double>(),
          norm > 0 ? difference.norm().item<double>() / norm : difference.norm().item<double>()};
}

}  // namespace parallax::lab
