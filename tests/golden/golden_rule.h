// Translates the reference code's names of ablations into switches.
#pragma once

#include <string>

#include "core/ttt/inner_update.h"

namespace parallax::testing {

// "baseline", "ga", "only_w1_straight_qk_no_lr1_no_wn_muon", …: each word is one switch, and
// `no_wn_muon` is `no_wn` and `no_muon`.
inline UpdateRule rule_from_reference_name(const std::string& name) {
  const auto has = [&](const char* word) { return name.find(word) != std::string::npos; };
  UpdateRule rule;
  VariantSwitches& s = rule.switches;
  s.updated = has("only_w1") ? UpdatedWeights::kLast : UpdatedWeights::kAll;
  s.feature_map = has("straight_qk") ? FeatureMap::kIdentity : FeatureMap::kSwiGlu;
  s.per_token_rate = !has("no_lr1");
  s.weight_norm = has("no_wn") ? WeightNorm::kNone : WeightNorm::kPost;
  s.normalise_gradient = !has("no_muon") && !has("no_wn_muon");
  s.direction = name.rfind("ga", 0) == 0 ? Direction::kAscent : Direction::kDescent;
  s.loss = has("mse") ? InnerLoss::kMse : InnerLoss::kDotProduct;
  s.query = has("no_query") ? QuerySource::kKey : QuerySource::kQuery;
  return rule;
}

}  // namespace parallax::testing
