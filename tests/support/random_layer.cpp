// Draws the operator's weights and inputs.
#include "tests/support/random_layer.h"

namespace parallax::testing {

RandomLayer RandomLayer::to(torch::Dtype dtype) const {
  const auto cast = [dtype](const Tensor& x) { return x.to(dtype); };
  return {.rule = rule,
          .weights = {cast(weights.w0), cast(weights.w1), cast(weights.w2)},
          .inputs = map_inputs(inputs, cast)};
}

RandomLayer random_layer(const VariantSwitches& switches,
                         const RandomLayerOptions& options,
                         uint64_t seed) {
  torch::manual_seed(seed);
  const auto [heads, width, of_kernel, tokens, weight_scale, rate_scale, has_momentum] = options;
  const int64_t hidden = switches.feature_map == FeatureMap::kIdentity ? width : of_kernel;
  const auto weight = [&](int64_t rows, int64_t cols) {
    return weight_scale * torch::randn({heads, rows, cols}, torch::kFloat64);
  };
  const auto token = [&] { return torch::randn({heads, tokens, width}, torch::kFloat64); };
  const auto uniform = [&](int64_t channels = 1) {
    return torch::rand({heads, tokens, channels}, torch::kFloat64);
  };
  const auto rate = [&] { return rate_scale * (0.1 + 0.5 * uniform()); };
  RandomLayer layer{.rule = {.switches = switches}};
  layer.weights = {weight(width, hidden), weight(hidden, width), weight(width, hidden)};
  layer.inputs = {.q = token(),
                  .k = token(),
                  .v = token(),
                  .lr0 = rate(),
                  .lr1 = rate(),
                  .lr2 = rate(),
                  .momentum = has_momentum ? uniform() : Tensor()};
  if (switches.decay != Decay::kNone) {
    layer.inputs.decay = 0.5 + 0.5 * uniform(decay_width(switches, hidden));
  }
  if (switches.loss == InnerLoss::kMse && !switches.normalise_gradient) {
    // Steps on long keys overshoot, and the state grows without bound.
    layer.inputs.k = layer.inputs.k / layer.inputs.k.norm(2, {-1}, true);
  }
  return layer;
}

}  // namespace parallax::testing
