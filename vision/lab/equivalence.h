// The equivalence of TTT layers and linear attention on a model's own tokens (the paper's §5).
#pragma once

#include "vision/lab/lab_result.h"
#include "vision/lab/layer_tokens.h"

namespace parallax::lab {

// How far a layer's output is from q̂ (S₀ + Σ k̂ᵀ v̂), relative to its norm.
struct Equivalence {
  double float64 = 0;
  double float32 = 0;
  // From the sum with the kernel φ and the scale that the weights had at the start; 0 where the
  // rule keeps both.
  double naive = 0;
};

// The layer's rule over ranges of `range` tokens, each updating and then applied to; over a single
// one where `range` is 0.
Equivalence measure_equivalence(const LayerTokens& layer, int64_t range);

// All layers under the model's own rule, and all rules of the table. `layers` in float32.
ProbeResult probe_equivalence(const std::vector<LayerTokens>& layers, const std::string& own_rule);

}  // namespace parallax::lab
