// Layers with random weights and inputs, for tests and timings of the operator.
#pragma once

#include "core/ttt/inner_update.h"

namespace parallax::testing {

struct RandomLayer {
  UpdateRule rule;
  FastWeights weights;
  TttInputs inputs;

  RandomLayer to(torch::Dtype dtype) const;
};

struct RandomLayerOptions {
  int64_t heads = 1;
  int64_t width = 32;
  int64_t hidden = 64;  // if the inner net has a hidden layer
  int64_t tokens = 50;
  double weight_scale = 1;
  double rate_scale = 1;
  bool has_momentum = false;
};

// In float64: normal weights and tokens (keys of unit length under the delta rule), rates of 0.1 to
// 0.6, momentum of 0 to 1, decays of 0.5 to 1 where the rule has them.
RandomLayer random_layer(const VariantSwitches& switches,
                         const RandomLayerOptions& options,
                         uint64_t seed);

}  // namespace parallax::testing
