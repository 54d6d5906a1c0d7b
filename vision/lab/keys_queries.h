// How queries and keys, values and outputs of each layer are distributed (the paper's §4.3).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vision/lab/lab_result.h"
#include "vision/lab/layer_tokens.h"

namespace parallax::lab {

// One head of one layer.
struct TokenSets {
  std::string layer;  // "layer 3"
  Tensor q, k, v, o;  // [N, D] each, in the tokens' order
};

// The first head of every layer, with its outputs over one range. Layers without queries are left
// out.
std::vector<TokenSets> token_sets(const std::vector<LayerTokens>& layers);

// `advance` is called for each layer.
ProbeResult probe_keys_queries(const std::vector<TokenSets>& sets,
                               const std::function<void()>& advance);

}  // namespace parallax::lab
