// One masked product for each range that applies.
#include "core/ttt/views/masked_quadratic.h"

#include "core/base/error.h"
#include "core/ttt/token_ranges.h"

namespace parallax {
namespace {

// Ṽ: the values weighted by the rate of each token's step.
Tensor rated_values(const UpdateRule& rule, const TttInputs& inputs, const Tensor& keys) {
  return weigh(
      inputs.v,
      step_rate(rule.switches, keys, rule.switches.per_token_rate ? inputs.lr1 : Tensor()));
}

// A_ij of docs/dev/spec.md §5 with the ranges' momentum and decays: how much of range j's product
// the state after range i holds, [batch, N + 1, 1 + N, 1 or Dh] (row 0: before any update; column
// 0: how much of the initial state; a value for all channels or for each).
Tensor update_matrix_of_ranges(const UpdateRule& rule,
                               const TttInputs& inputs,
                               const std::vector<TokenRange>& ranges) {
  const auto count = static_cast<int64_t>(ranges.size());
  const int64_t width =
      rule.switches.decay == Decay::kNone ? 1 : inputs.decay.size(2);  // as decays are given
  std::vector<Tensor> rows = {
      torch::zeros({inputs.k.size(0), 1 + count, width}, inputs.k.options())};
  Tensor velocity = torch::zeros_like(rows.front());
  const double sign = rule.switches.direction == Direction::kAscent ? -1 : 1;
  rows.front().select(1, 0).fill_(1);
  for (int64_t i = 0; i < count; ++i) {
    const Tensor unit =
        torch::one_hot(torch::tensor(1 + i), 1 + count).unsqueeze(-1).to(inputs.k.options());
    const TokenRange& range = ranges[static_cast<size_t>(i)];
    const Tensor momentum = momentum_of_range(rule.switches, inputs, range.start, range.end);
    const Tensor decay = decay_of_range(rule.switches, inputs, range.start, range.end);
    Tensor sum = rows.back();
    for (int step = 0; step < rule.switches.inner_steps; ++step) {
      velocity = momentum.defined() ? unit + momentum * velocity : unit.expand_as(velocity);
      sum = (decay.defined() ? sum * decay.transpose(1, 2) : sum) + sign * velocity;
    }
    rows.push_back(sum);
  }
  return torch::stack(rows, 1);
}

}  // namespace

Tensor run_masked_quadratic(const UpdateRule& rule,
                            const FastWeights& weights,
                            const TttInputs& inputs,
                            const Schedule& schedule) {
  check_inputs(rule, weights, inputs);
  validate_schedule(schedule, inputs.k.size(1));
  const VariantSwitches& switches = rule.switches;
  if (switches.normalise_gradient || switches.weight_norm != WeightNorm::kNone ||
      switches.loss == InnerLoss::kMse || switches.importance != Importance::kNone ||
      why_no_parallel_form(switches)) {
    throw UsageError(ErrorParts{
        .what = "there is no quadratic form: the step is not linear in the keys' products",
        .expected = "a rule that updates W1 alone, without orthogonalisation, weight norm or "
                    "elastic pull"});
  }
  const Ranges ranges = split_schedule(schedule);
  const Tensor keys = feature_map(switches, inputs.k, weights);
  const Tensor values = rated_values(rule, inputs, keys);
  const Tensor mixing = update_matrix_of_ranges(rule, inputs, ranges.updating);
  std::vector<Tensor> outputs;
  for (const TokenRange& range : ranges.applying) {
    const Tensor queries =
        feature_map(switches, query_range(switches, inputs, range.start, range.end), weights);
    const Tensor held = mixing.select(1, range.updates_before);  // [batch, 1 + N, 1 or Dh]
    Tensor output = (queries * held.slice(1, 0, 1)).matmul(weights.w1.to(queries.scalar_type()));
    for (size_t j = 0; j < ranges.updating.size(); ++j) {
      const TokenRange& seen = ranges.updating[j];
      const Tensor scores = (queries * held.slice(1, 1 + j, 2 + j))
                                .matmul(keys.slice(1, seen.start, seen.end).transpose(1, 2));
      output = output + scores.matmul(values.slice(1, seen.start, seen.end));
    }
    outputs.push_back(output);
  }
  return torch::cat(outputs, 1);
}

}  // namespace parallax
