// Plain tensor operations, in the order of the published code.
#include "vision/lab/published_momentum.h"

#include "core/base/error.h"

namespace parallax::lab {

Tensor published_velocities(const Tensor& gradients, const Tensor& momenta) {
  const Tensor products = momenta.cumprod(1);
  return products * (gradients / (products + kPublishedEps)).cumsum(1);
}

bool has_published_parallel(const VariantSwitches& rule) {
  return !why_no_parallel_form(rule) && rule.loss == InnerLoss::kDotProduct &&
         rule.decay == Decay::kNone && rule.importance == Importance::kNone;
}

Tensor run_published_parallel(const UpdateRule& rule,
                              const FastWeights& weights,
                              const TttInputs& inputs,
                              int64_t chunk) {
  const VariantSwitches& switches = rule.switches;
  if (!has_published_parallel(switches) || !inputs.momentum.defined()) {
    throw Error("the published parallel form of momentum does not exist for this rule");
  }
  const auto chunks = [&](const Tensor& x) {
    return x.view({x.size(0), x.size(1) / chunk, chunk, x.size(2)});
  };
  const Tensor keys =
      feature_map(switches, inputs.k, weights, switches.per_token_rate ? inputs.lr1 : Tensor());
  const Tensor gradients =
      chunks(keys.contiguous()).transpose(2, 3).matmul(chunks(inputs.v.contiguous()));
  Tensor steps = published_velocities(gradients, chunks(inputs.momentum).mean(2, true));
  if (switches.normalise_gradient) {
    steps = orthogonalise(steps, rule.newton_schulz);
  }
  const double sign = switches.direction == Direction::kDescent ? 1 : -1;
  const Tensor states = weights.w1.unsqueeze(1) + sign * steps.cumsum(1);
  const Tensor queries =
      feature_map(switches, query_range(switches, inputs, 0, inputs.k.size(1)), weights);
  return chunks(queries.contiguous()).matmul(states).flatten(1, 2);
}

}  // namespace parallax::lab
