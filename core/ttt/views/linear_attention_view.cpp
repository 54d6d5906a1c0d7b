// Follows the recurrent form and keeps, for each step taken, the right factor that the rest of the
// computation applies to its values.
#include "core/ttt/views/linear_attention_view.h"

#include "core/base/error.h"
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

// How much of something the weights and their anchor hold, element by element.
struct ElasticShare {
  Tensor in_weights;  // [batch, Dh, D]
  Tensor in_anchor;   // likewise
};

// One inner step of an elastic rule: k_hatᵀ v_hat, of all keys that momentum carries into it.
struct ElasticStep {
  Tensor k_hat;  // [batch, L, Dh]
  Tensor v_hat;  // [batch, L, D]
  ElasticShare share;
};

// All steps so far, and what they have made of the initial W1.
struct Accumulated {
  std::vector<Contribution> steps;
  Tensor s0_scale;  // [batch, 1 or Dh, D]: the scale that weight norm and decays have put on it
  std::vector<ElasticStep> elastic_steps;  // of an elastic rule
  ElasticShare elastic_s0;                 // likewise: of the initial W1
};

// Lists the step that is being taken, of all keys so far, and follows the pull of everything.
void take_elastic_step(const UpdateRule& rule,
                       const Tensor& right,  // [batch, D, D], the step's factor
                       bool has_momentum,
                       const Tensor& keep,        // a = 1 − λ F of the step, [batch, Dh, D]
                       const Tensor& norm_scale,  // [batch, 1, D]; undefined without post-norm
                       Accumulated& seen) {
  std::vector<Tensor> keys;
  std::vector<Tensor> values;
  for (size_t i = has_momentum ? 0 : seen.steps.size() - 1; i < seen.steps.size(); ++i) {
    const Contribution& step = seen.steps[i];
    keys.push_back(step.k_hat);
    values.push_back((step.values * step.momentum).matmul(right));
  }
  seen.elastic_steps.push_back({.k_hat = torch::cat(keys, 1),
                                .v_hat = torch::cat(values, 1),
                                .share = {torch::ones_like(keep), torch::zeros_like(keep)}});
  const auto pull = [&](ElasticShare& share) {
    share.in_weights = keep * share.in_weights + (1 - keep) * share.in_anchor;
    if (norm_scale.defined()) {
      share.in_weights = share.in_weights * norm_scale;
    }
    share.in_anchor = next_anchor(rule.elastic, share.in_anchor, share.in_weights);
  };
  for (ElasticStep& step : seen.elastic_steps) {
    pull(step.share);
  }
  pull(seen.elastic_s0);
}

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
      if (switches.decay == Decay::kChannel) {
        earlier.k_hat = earlier.k_hat * decay.transpose(1, 2);
      } else {
        earlier.factor = earlier.factor * decay;
      }
    }
    seen.s0_scale = seen.s0_scale * decay;
    for (ElasticStep& step : seen.elastic_steps) {
      step.share.in_weights = step.share.in_weights * decay;
    }
    if (seen.elastic_s0.in_weights.defined()) {
      seen.elastic_s0.in_weights = seen.elastic_s0.in_weights * decay;
    }
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
  Tensor sum = state.main.w1 + velocity.matmul(right);
  const Tensor anchor = state.anchor.w1;
  close_step(rule, gradient, momentum, state);
  const bool is_elastic = switches.importance != Importance::kNone;
  if (is_elastic) {
    sum = pull_to_anchor(rule.elastic, sum, anchor, state.importance.w1);
  }
  const Tensor scale = switches.weight_norm == WeightNorm::kPost
                           ? column_scale(rule, sum, state.reference_norms.w1)
                           : Tensor();
  if (is_elastic) {
    const Tensor keep = 1 - rule.elastic.strength * state.importance.w1;
    take_elastic_step(rule, right, momentum.defined(), keep, scale, seen);
  }
  if (scale.defined()) {
    for (Contribution& step : seen.steps) {
      step.factor = step.factor * scale;
    }
    seen.s0_scale = seen.s0_scale * scale;
  }
}

// The view's sum, of the steps listed by a rule.
void list_steps(const Accumulated& seen, LinearAttentionView& view) {
  std::vector<Tensor> keys = {view.k_hat};
  std::vector<Tensor> values = {view.v_hat};
  for (const ElasticStep& step : seen.elastic_steps) {
    keys.push_back(step.k_hat);
    values.push_back(step.v_hat);
    view.shares.push_back(step.share.in_weights);
    view.group_lengths.push_back(step.k_hat.size(1));
  }
  if (view.shares.empty()) {
    for (const Contribution& step : seen.steps) {
      keys.push_back(step.k_hat);
      values.push_back(step.values.matmul(step.factor));
    }
  }
  view.k_hat = torch::cat(keys, 1);
  view.v_hat = torch::cat(values, 1);
}

LinearAttentionView view_now(const UpdateRule& rule,
                             const FastWeights& initial,
                             const TttInputs& inputs,
                             const ScheduleStep& range,
                             const InnerState& state,
                             const Accumulated& seen) {
  const Tensor queries = query_range(rule.switches, inputs, range.start, range.end);
  const Tensor q_hat = feature_map(rule.switches, queries, state.weights);
  LinearAttentionView view{
      .q_hat = q_hat,
      .k_hat = q_hat.slice(1, 0, 0),
      .v_hat = queries.slice(1, 0, 0),
      .s0 = initial.w1 *
            (seen.elastic_s0.in_weights.defined() ? seen.elastic_s0.in_weights : seen.s0_scale)};
  list_steps(seen, view);
  if (rule.switches.weight_norm == WeightNorm::kPre && !seen.steps.empty()) {
    const Tensor scale = column_scale(rule, state.main.w1, state.reference_norms.w1);
    view.v_hat = view.v_hat * scale;
    view.s0 = view.s0 * scale;
  }
  return view;
}

}  // namespace

Tensor LinearAttentionView::output() const {
  if (shares.empty()) {
    return q_hat.matmul(s0 + k_hat.transpose(1, 2).matmul(v_hat));
  }
  Tensor state = s0;
  int64_t start = 0;
  for (size_t group = 0; group < shares.size(); ++group) {
    const int64_t end = start + group_lengths[group];
    state =
        state + shares[group] *
                    k_hat.slice(1, start, end).transpose(1, 2).matmul(v_hat.slice(1, start, end));
    start = end;
  }
  return q_hat.matmul(state);
}

std::vector<LinearAttentionView> linear_attention_views(const UpdateRule& rule,
                                                        const FastWeights& weights,
                                                        const TttInputs& inputs,
                                                        const Schedule& schedule) {
  check_inputs(rule, weights, inputs);
  validate_schedule(schedule, inputs.k.size(1));
  if (rule.switches.decay == Decay::kChannel && rule.switches.momentum &&
      inputs.momentum.defined()) {
    throw UsageError(
        "momentum carries a key on as it was, while channels of what was bound to it have decayed: "
        "a token has no single key in the view");
  }
  InnerState state = start_state(rule, weights);
  Accumulated seen{.s0_scale = torch::ones_like(weights.w1.slice(1, 0, 1))};
  if (rule.switches.importance != Importance::kNone) {
    seen.elastic_s0 = {torch::ones_like(weights.w1), torch::ones_like(weights.w1)};
  }
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
