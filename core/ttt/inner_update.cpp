// Momentum, orthogonalisation, addition, elastic pull, decay.
#include "core/ttt/inner_update.h"

#include "core/ops/newton_schulz/newton_schulz_low_rank.h"
#include "core/ttt/weight_norm.h"

namespace parallax {
namespace {

// Each matrix's orthogonalised step, from its low-rank factors.
FastWeights orthogonal_steps(const UpdateRule& rule,
                             const FastWeights& weights,
                             const GradientFactors& factors) {
  const NewtonSchulzOptions& options = rule.newton_schulz;
  const bool has_feature_map = factors.w0.left.defined();
  // The side of width D, that of keys and values, is reduced to a basis.
  const Tensor& values = factors.w1.right;
  const OrthonormalBasis bases = basis_for_newton_schulz(
      has_feature_map ? torch::stack({values, factors.w0.left}) : values.unsqueeze(0),
      options,
      weights.w1.scalar_type());
  const auto basis = [&](int64_t i) { return OrthonormalBasis{bases.q_transposed[i], bases.r[i]}; };
  const auto [of_values, of_hidden] =
      orthogonalise_factors(basis(0), {factors.w1.left}, options).front();
  FastWeights steps{.w1 = product_of_factors({of_hidden, of_values}, options)};
  if (has_feature_map) {
    const std::vector<LowRankFactors> kernel =
        orthogonalise_factors(basis(1), {factors.w0.right, factors.w2.right}, options);
    steps.w0 = product_of_factors(kernel[0], options);
    steps.w2 = product_of_factors(kernel[1], options);
  }
  return steps;
}

// The gradient with momentum, which becomes the velocity.
Tensor with_momentum(const Tensor& gradient, const Tensor& momentum, Tensor& velocity) {
  if (!momentum.defined()) {
    return gradient;
  }
  velocity =
      velocity.defined() ? gradient + momentum.to(gradient.scalar_type()) * velocity : gradient;
  return velocity;
}

// Orthogonalises all steps: on a GPU those of one shape together, as launches are what a few small
// matrices cost there.
void orthogonalise_steps(const UpdateRule& rule, FastWeights& steps) {
  const bool together = steps.w0.defined() && steps.w0.is_cuda();
  if (together) {
    const bool square = steps.w1.sizes() == steps.w0.sizes();
    // The transpose's step is the transposed step.
    const Tensor last = square ? steps.w1 : steps.w1.transpose(1, 2);
    const std::vector<Tensor> parts =
        orthogonalise(torch::cat({steps.w0, steps.w2, last}), rule.newton_schulz).chunk(3);
    steps = {parts[0], square ? parts[2] : parts[2].transpose(1, 2), parts[1]};
    return;
  }
  for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
    if ((steps.*matrix).defined()) {
      steps.*matrix = orthogonalise(steps.*matrix, rule.newton_schulz);
    }
  }
}

// Adds one matrix's step and pulls the sum to its anchor. Under post-norm the anchor averages
// normalised weights, as published, else the copy that accumulates.
void add_elastic_step(const UpdateRule& rule,
                      const Tensor& step,
                      Tensor FastWeights::*matrix,
                      InnerState& state) {
  const VariantSwitches& switches = rule.switches;
  Tensor& main = state.main.*matrix;
  Tensor& weight = state.weights.*matrix;
  Tensor& anchor = state.anchor.*matrix;
  Tensor& importance = state.importance.*matrix;
  const Tensor sum = switches.direction == Direction::kDescent ? main + step : main - step;
  importance = next_importance(
      rule.elastic, importance, importance_of_step(switches.importance, step, sum, anchor));
  main = pull_to_anchor(rule.elastic, sum, anchor, importance);
  weight = switches.weight_norm == WeightNorm::kNone
               ? main
               : normalise_columns(rule, main, state.reference_norms.*matrix);
  if (switches.weight_norm == WeightNorm::kPost) {
    main = weight;
  }
  anchor = next_anchor(rule.elastic, anchor, main);
}

// Addition, elastic pull and weight normalisation.
void add_steps(const UpdateRule& rule, const FastWeights& steps, InnerState& state) {
  const VariantSwitches& switches = rule.switches;
  for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
    const Tensor& step = steps.*matrix;
    if (!step.defined()) {
      continue;
    }
    if (switches.importance != Importance::kNone) {
      add_elastic_step(rule, step, matrix, state);
      continue;
    }
    Tensor& main = state.main.*matrix;
    Tensor& weight = state.weights.*matrix;
    if (switches.weight_norm == WeightNorm::kNone) {
      main = switches.direction == Direction::kDescent ? main + step : main - step;
      weight = main;
      continue;
    }
    const SteppedWeights stepped =
        add_and_normalise(rule, main, step, state.reference_norms.*matrix);
    weight = stepped.normalised;
    main = switches.weight_norm == WeightNorm::kPre ? stepped.sum : weight;
  }
}

}  // namespace

Tensor momentum_of_range(const VariantSwitches& rule,
                         const TttInputs& inputs,
                         int64_t start,
                         int64_t end) {
  if (!rule.momentum || !inputs.momentum.defined()) {
    return {};
  }
  return slice_tokens(inputs.momentum, start, end).mean(1, true);
}

Tensor decay_of_range(const VariantSwitches& rule,
                      const TttInputs& inputs,
                      int64_t start,
                      int64_t end) {
  return rule.decay == Decay::kNone
             ? Tensor()
             : slice_tokens(inputs.decay, start, end).mean(1, true).transpose(1, 2);
}

void decay_weights(const VariantSwitches& rule, const Tensor& decay, InnerState& state) {
  if (!decay.defined()) {
    return;
  }
  const auto scale = [&](Tensor FastWeights::*matrix) {
    const Tensor factor = decay.to((state.main.*matrix).scalar_type());
    const bool is_one = (state.weights.*matrix).is_same(state.main.*matrix);
    state.main.*matrix = state.main.*matrix * factor;
    state.weights.*matrix = is_one ? state.main.*matrix : state.weights.*matrix * factor;
  };
  scale(&FastWeights::w1);
  if (updates_feature_map(rule)) {
    scale(&FastWeights::w0);
    scale(&FastWeights::w2);
  }
}

Tensor importance_of_step(Importance importance,
                          const Tensor& step,
                          const Tensor& weights,
                          const Tensor& anchor) {
  switch (importance) {
    case Importance::kNone:
      return {};
    case Importance::kMagnitude:
      return step.abs();
    case Importance::kSquare:
      return step.square();
    default:
      return (step * (weights - anchor)).abs();
  }
}

void close_step(const UpdateRule& rule,
                const FastWeights& gradient,
                const Tensor& momentum,
                InnerState& state) {
  FastWeights steps;
  for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
    if ((gradient.*matrix).defined()) {
      steps.*matrix = with_momentum(gradient.*matrix, momentum, state.velocity.*matrix);
    }
  }
  if (rule.switches.normalise_gradient) {
    orthogonalise_steps(rule, steps);
  }
  add_steps(rule, steps, state);
}

void update_on_tokens(const UpdateRule& rule,
                      const TttInputs& inputs,
                      int64_t start,
                      int64_t end,
                      InnerState& state) {
  decay_weights(rule.switches, decay_of_range(rule.switches, inputs, start, end), state);
  const Tensor momentum = momentum_of_range(rule.switches, inputs, start, end);
  const FastWeights& weights = state.weights;
  if (rule.switches.normalise_gradient && !momentum.defined() &&
      weights.w1.scalar_type() != torch::kBFloat16 && !requires_graph(state, inputs) &&
      has_low_rank_newton_schulz(
          slice_tokens(inputs.k, start, end), weights.w1.size(1), rule.newton_schulz)) {
    const GradientFactors factors = gradient_factors(rule, weights, inputs, start, end);
    add_steps(rule, orthogonal_steps(rule, weights, factors), state);
    return;
  }
  close_step(rule, range_gradient(rule, weights, inputs, start, end), momentum, state);
}

}  // namespace parallax
