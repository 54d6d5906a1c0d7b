// TTT layers with the tokens that they see in a model, and what is measured on them.
#pragma once

#include <vector>

#include "core/ttt/inner_update.h"
#include "vision/eval/prepared_scene.h"

namespace parallax::lab {

// One TTT layer before its first token, with the tokens that it reads.
struct LayerTokens {
  UpdateRule rule;
  FastWeights weights;      // [heads, …]
  TttInputs inputs;         // [heads, L, …]
  int64_t view_tokens = 0;  // of one view; L is a multiple
};

// Every layer of the model on a scene's first `views` input views, read at once.
std::vector<LayerTokens> layers_of(const NvsModel& model,
                                   const PreparedScene& scene,
                                   int64_t views);

// Queries, keys and values in `tokens`, all else in `others`.
LayerTokens to_dtypes(const LayerTokens& layer, torch::Dtype tokens, torch::Dtype others);

// The layer's tokens under another rule. What the rule needs and the layer has not is drawn at
// random from `seed`: an inner net of another shape, gates that decay, and momentum gates, which
// NVS models have none of.
LayerTokens under_rule(const LayerTokens& layer, const VariantSwitches& switches, uint64_t seed);

// The mean over heads and tokens of −⟨f(k), v⟩, or of ½‖f(k) − v‖².
double inner_loss(const VariantSwitches& rule, const TttInputs& inputs, const FastWeights& weights);

// How far a is from b.
struct Agreement {
  double largest = 0;   // max |a − b|
  double relative = 0;  // ‖a − b‖ / ‖b‖
};
Agreement agreement_of(const Tensor& a, const Tensor& b);

}  // namespace parallax::lab
