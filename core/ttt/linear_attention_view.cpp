// Follows the recurrent form and keeps, for each step taken, the right factor that the rest of the
// computation applies to its values.
#include "core/ttt/linear_attention_view.h"

#include "core/ttt/weight_norm.h"

namespace parallax {
namespace {

// One inner step's contribution to W1: k_hatᵀ (values · factor).
struct Contribution {
  Tensor k_hat;     // [batch, L, Dh]
  Tensor values;    // [batch, L, D] before any factor
  Tensor factor;    // [batch, D, D], grows as later steps act on this one
  Tensor momentum;  // [batch, 1, 1]: its share in the running velocity
};

// All steps so far, and what they have made of the initial W1.
struct Accumulated {
  std::vector<Contribution> steps;
  Tensor s0_scale;  // [batch, 1, D]: the scale that weight norm has put on it
};

void take_step(const UpdateRule& rule,
               const TttInputs& inputs,
               const ScheduleStep& range,
               InnerState& state,
               Accumulated& seen) {
  const VariantSwitches& switches = rule.switches;
  const Tensor k = inputs.k.slice(1, range.start, range.end);
  const Tensor v = inputs.v.slice(1, range.start, range.end);
  const Tensor lr1 =
      switches.per_token_rate ? inputs.lr1.slice(1, range.start, range.end) : Tensor();
  const Tensor momentum = momentum_of_range(switches, inputs, range.start, range.end);
  if (const Tensor decay = decay_of_range(switches, inputs, range.start, range.end);
      decay.defined()) {
    decay_weights(switches, decay, state);
    for (Contribution& earlier : seen.steps) {
      earlier.factor = earlier.factor * decay;
    }
    seen.s0_scale = seen.s0_scale * decay;
  }
  const FastWeights gradient = range_gradient(rule, state.weights, inputs, range.start, range.end);
  const Tensor k_hat = feature_map(switches, k, state.weights);
  Tensor values = effective_values(switches, k, v, state.weights);
  if (const Tensor rate = step_rate(switches, k_hat, lr1); rate.defined()) {
    values = values * rate;
  }

  Contribution current{.k_hat = k_hat,
                       .values = values,
                       .factor = torch::zeros_like(values.transpose(1, 2).matmul(values)),
                       .momentum = torch::ones_like(values.slice(1, 0, 1).slice(2, 0, 1))};
  for (Contribution& earlier : seen.steps) {
    earlier.momentum =
        momentum.defined() ? earlier.momentum * momentum : torch::zeros_like(earlier.momentum);
  }
  seen.steps.push_back(current);

  Tensor velocity = gradient.w1;
  if (momentum.defined() && state.velocity.w1.defined()) {
    velocity = velocity + momentum * state.velocity.w1;
  }
  Tensor right = switches.normalise_gradient ? orthogonalising_factor(velocity, rule.newton_schulz)
                                             : torch::eye(velocity.size(-1), velocity.options());
  if (switches.direction == Direction::kAscent) {
    right = -right;
  }
  for (Contribution& step : seen.steps) {
    step.factor = step.factor + step.momentum * right;
  }
  const Tensor main_before = state.main.w1;
  close_step(rule, gradient, momentum, state);
  if (switches.weight_norm == WeightNorm::kPost) {
    const Tensor scale =
        column_scale(rule, main_before + velocity.matmul(right), state.reference_norms.w1);
    for (Contribution& step : seen.steps) {
      step.factor = step.factor * scale;
    }
    seen.s0_scale = seen.s0_scale * scale;
  }
}

LinearAttentionView view_now(const UpdateRule& rule,
                             const FastWeights& initial,
                             const TttInputs& inputs,
                             const ScheduleStep& range,
                             const InnerState& state,
                             const Accumulated& seen) {
  const Tensor queries = query_range(rule.switches, inputs, range.start, range.end);
  LinearAttentionView view{.q_hat = feature_map(rule.switches, queries, state.weights),
                           .s0 = initial.w1 * seen.s0_scale};
  std::vector<Tensor> keys = {view.q_hat.slice(1, 0, 0)};
  std::vector<Tensor> values = {queries.slice(1, 0, 0)};
  for (const Contribution& step : seen.steps) {
    keys.push_back(step.k_hat);
    values.push_back(step.values.matmul(step.factor));
  }
  view.k_hat = torch::cat(keys, 1);
  view.v_hat = torch::cat(values, 1);
  if (rule.switches.weight_norm == WeightNorm::kPre && !seen.steps.empty()) {
    const Tensor scale = column_scale(rule, state.main.w1, state.reference_norms.w1);
    view.v_hat = view.v_hat * scale;
    view.s0 = view.s0 * scale;
  }
  return view;
}

}  // namespace

std::vector<LinearAttentionView> linear_attention_views(const UpdateRule& rule,
                                                        const FastWeights& weights,
                                                        const TttInputs& inputs,
                                                        const Schedule& schedule) {
  check_inputs(rule, weights, inputs);
  validate_schedule(schedule, inputs.k.size(1));
  InnerState state = start_state(rule, weights);
  Accumulated seen{.s0_scale = torch::ones_like(weights.w1.slice(1, 0, 1))};
  std::vector<LinearAttentionView> views;
  for (const ScheduleStep& step : schedule) {
    for (int i = 0; step.update && i < rule.switches.inner_steps; ++i) {
      take_step(rule, inputs, step, state, seen);
    }
    if (step.apply) {
      views.push_back(view_now(rule, weights, inputs, step, state, seen));
    }
  }
  return views;
}

}  // namespace parallax
