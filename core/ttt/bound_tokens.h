// What the parallel forms read of tokens: keys, values and decays, such that the state after
// updates is a decayed sum of their outer products.
#pragma once

#include "core/ttt/inner_update.h"
#include "core/ttt/token_ranges.h"

namespace parallax {

// Whether a step depends on the state it is taken from, by the residual v − φ(k) W1.
constexpr bool is_delta_rule(const VariantSwitches& rule) { return rule.loss == InnerLoss::kMse; }

// Whether the inner steps on one range differ, because the state before each counts.
constexpr bool steps_differ(const VariantSwitches& rule) {
  return rule.inner_steps > 1 && (rule.decay != Decay::kNone || is_delta_rule(rule) ||
                                  rule.importance != Importance::kNone);
}

// φ(k), times each token's rate; without it under the delta rule, whose effective values have it.
Tensor bound_keys(const VariantSwitches& rule,
                  const FastWeights& weights,
                  const Tensor& k,     // [batch, L, D]
                  const Tensor& lr1);  // [batch, L, 1] or undefined → [batch, L, Dh]

// The delta rule's rates, negative where it ascends.
Tensor delta_rates(const VariantSwitches& rule,
                   const Tensor& keys,  // φ(k), [..., L, Dh]
                   const Tensor& lr1);  // [..., L, 1] or undefined → [..., L, 1]

// The values of ranges, under the delta rule the effective ones (delta_values.h).
Tensor bound_values(const UpdateRule& rule,
                    const InnerState& start,
                    const TttInputs& inputs,
                    const std::vector<TokenRange>& ranges,
                    const Tensor& keys,     // bound_keys() of the ranges, [batch, N, C, Dh]
                    const Tensor& decays);  // range_decays() → [batch, N, C, D]

// The sign with which keys' products with those values are added.
double step_sign(const VariantSwitches& rule);

// Each range's decays of the state's rows, [batch, N, 1 or Dh, 1] in the weights' dtype; undefined
// without any.
Tensor range_decays(const VariantSwitches& rule,
                    const InnerState& start,
                    const TttInputs& inputs,
                    const std::vector<TokenRange>& ranges);

}  // namespace parallax
