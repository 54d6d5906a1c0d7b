// Features, rates and effective values by the rule.
#include "core/ttt/bound_tokens.h"

#include "core/ttt/scan/delta_values.h"

namespace parallax {

Tensor bound_keys(const VariantSwitches& rule,
                  const FastWeights& weights,
                  const Tensor& k,
                  const Tensor& lr1) {
  const Tensor own_rate = rule.per_token_rate ? lr1 : Tensor();
  if (is_delta_rule(rule)) {
    return feature_map(rule, k, weights);
  }
  if (!rule.normalised_step) {
    return feature_map(rule, k, weights, own_rate);
  }
  const Tensor features = feature_map(rule, k, weights);
  return weigh(features, step_rate(rule, features, own_rate));
}

Tensor delta_rates(const VariantSwitches& rule, const Tensor& keys, const Tensor& lr1) {
  const Tensor rate = step_rate(rule, keys, rule.per_token_rate ? lr1 : Tensor());
  const double sign = rule.direction == Direction::kDescent ? 1 : -1;
  return rate.defined() ? sign * rate : torch::full_like(keys.slice(-1, 0, 1), sign);
}

Tensor bound_values(const UpdateRule& rule,
                    const InnerState& start,
                    const TttInputs& inputs,
                    const std::vector<TokenRange>& ranges,
                    const Tensor& keys,
                    const Tensor& decays) {
  const Tensor values = gather_ranges(inputs.v, ranges);
  if (!is_delta_rule(rule.switches)) {
    return values;
  }
  const Tensor lr1 = rule.switches.per_token_rate ? gather_ranges(inputs.lr1, ranges) : Tensor();
  return delta_values({.state = start.main.w1,
                       .keys = keys,
                       .values = values,
                       .rates = delta_rates(rule.switches, keys, lr1),
                       .decays = decays});
}

double step_sign(const VariantSwitches& rule) {
  return rule.direction == Direction::kAscent && !is_delta_rule(rule) ? -1 : 1;
}

Tensor range_decays(const VariantSwitches& rule,
                    const InnerState& start,
                    const TttInputs& inputs,
                    const std::vector<TokenRange>& ranges) {
  return rule.decay == Decay::kNone
             ? Tensor()
             : mean_of_ranges(inputs.decay, ranges).transpose(2, 3).to(start.main.w1.scalar_type());
}

}  // namespace parallax
