// The inner step of LaCT in LibTorch operations: differentiable, on any device and dtype.
#include "core/ttt/inner_update.h"

#include <fmt/ranges.h>

#include "core/base/error.h"
#include "core/ops/common/dispatch.h"
#include "core/ops/cuda/operators.h"
#include "core/ops/elementwise/fused.h"
#include "core/ops/matmul/batched_matmul.h"
#include "core/ops/newton_schulz/newton_schulz_low_rank.h"
#include "core/ttt/weight_norm.h"

namespace parallax {
namespace {

std::string shape_text(const Tensor& tensor) {
  return tensor.defined() ? fmt::format("[{}]", fmt::join(tensor.sizes(), ", ")) : "nothing";
}

void require_shape(const Tensor& tensor, const char* name, at::IntArrayRef expected) {
  if (!tensor.defined() || tensor.sizes() != expected) {
    throw Error(ErrorParts{.what = fmt::format("{} does not fit the layer", name),
                           .expected = fmt::format("[{}]", fmt::join(expected, ", ")),
                           .got = shape_text(tensor)});
  }
}

// Tokens [start, end). All of them are the tensor itself: a slice's backward pass would fill a
// tensor with zeros and copy into it.
Tensor slice(const Tensor& tensor, int64_t start, int64_t end, int64_t dimension = 1) {
  return start == 0 && end == tensor.size(dimension) ? tensor : tensor.slice(dimension, start, end);
}

// The inputs of one update; rates are undefined where the rule has none.
struct RangeTokens {
  Tensor k, v;           // [batch, L, D]
  Tensor lr0, lr1, lr2;  // [batch, L, 1]
};

RangeTokens tokens_of_range(const VariantSwitches& rule,
                            const TttInputs& inputs,
                            int64_t start,
                            int64_t end) {
  const auto rate = [&](const Tensor& lr) {
    return rule.per_token_rate && lr.defined() ? slice(lr, start, end) : Tensor();
  };
  return {slice(inputs.k, start, end),
          slice(inputs.v, start, end),
          rate(inputs.lr0),
          rate(inputs.lr1),
          rate(inputs.lr2)};
}

// silu'(x)
Tensor silu_derivative(const Tensor& x) {
  const Tensor sigma = x.sigmoid();
  return sigma * (1 + x * (1 - sigma));
}

// Each gradient by the formulas of docs/dev/spec.md §2.
FastWeights reference_gradient(const VariantSwitches& rule,
                               const FastWeights& weights,
                               const RangeTokens& tokens) {
  const auto& [k, v, lr0, lr1, lr2] = tokens;
  const auto dtype = k.scalar_type();
  const Tensor w1 = weights.w1.to(dtype);
  Tensor hidden = k;
  Tensor gate;
  Tensor value;
  Tensor silu_gate;
  if (rule.feature_map == FeatureMap::kSwiGlu) {
    gate = k.matmul(weights.w0.to(dtype));   // a = K W0, [batch, L, Dh]
    value = k.matmul(weights.w2.to(dtype));  // m = K W2
    silu_gate = torch::silu(gate);
    hidden = silu_gate * value;
  }
  const Tensor target = rule.loss == InnerLoss::kMse ? v - hidden.matmul(w1) : v;
  FastWeights gradient;
  gradient.w1 = weigh(hidden, step_rate(rule, hidden, lr1)).transpose(1, 2).matmul(target);
  if (updates_feature_map(rule)) {
    const Tensor d_hidden = target.matmul(w1.transpose(1, 2));
    const Tensor d_value = d_hidden * silu_gate;
    const Tensor d_gate = d_hidden * value * silu_derivative(gate);
    gradient.w0 = weigh(k, lr0).transpose(1, 2).matmul(d_gate);
    gradient.w2 = weigh(k, lr2).transpose(1, 2).matmul(d_value);
  }
  return gradient;
}

// A gradient before its sum over tokens: leftᵀ right.
struct TokenFactors {
  Tensor left;   // [batch, L, rows]
  Tensor right;  // [batch, L, cols]
};

struct GradientFactors {
  TokenFactors w0, w1, w2;  // undefined where the matrix is not updated
};

// The element-wise work of all three gradients in one pass, which also applies the rates.
GradientFactors gradient_factors(const VariantSwitches& rule,
                                 const FastWeights& weights,
                                 const RangeTokens& tokens) {
  const auto& [k, v, lr0, lr1, lr2] = tokens;
  if (!updates_feature_map(rule)) {
    const Tensor target = effective_values(rule, k, v, weights);
    if (rule.normalised_step) {
      const Tensor features = feature_map(rule, k, weights);
      return {.w1 = {weigh(features, step_rate(rule, features, lr1)), target}};
    }
    return {.w1 = {feature_map(rule, k, weights, lr1), target}};
  }
  const Tensor gate = batched_product(k, weights.w0);
  const Tensor value = batched_product(k, weights.w2);
  const Tensor target =
      rule.loss == InnerLoss::kMse ? v - batched_product(swiglu(gate, value), weights.w1) : v;
  const Tensor d_hidden = batched_product(target, weights.w1.transpose(1, 2));
  const InnerFactors factors = inner_factors(gate, value, d_hidden, lr0, lr1, lr2);
  return {.w0 = {k, factors.da}, .w1 = {factors.h, target}, .w2 = {k, factors.dm}};
}

FastWeights fused_gradient(const VariantSwitches& rule,
                           const FastWeights& weights,
                           const RangeTokens& tokens) {
  const GradientFactors factors = gradient_factors(rule, weights, tokens);
  const auto sum = [&](const TokenFactors& of_matrix) {
    return of_matrix.left.defined() ? batched_product(of_matrix.left.transpose(1, 2),
                                                      of_matrix.right,
                                                      {.result = weights.w1.scalar_type()})
                                    : Tensor();
  };
  return {.w0 = sum(factors.w0), .w1 = sum(factors.w1), .w2 = sum(factors.w2)};
}

FastWeights gradient_of_tokens(const UpdateRule& rule,
                               const FastWeights& weights,
                               const RangeTokens& tokens) {
  FastWeights gradient = cuda::has_kernels(tokens.k) && !keeps_published_order(rule)
                             ? fused_gradient(rule.switches, weights, tokens)
                             : reference_gradient(rule.switches, weights, tokens);
  for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
    if ((gradient.*matrix).defined()) {
      gradient.*matrix = (gradient.*matrix).to(weights.w1.scalar_type());
    }
  }
  return gradient;
}

// Each matrix's orthogonalised step, from its low-rank factors.
FastWeights orthogonal_steps(const UpdateRule& rule,
                             const FastWeights& weights,
                             const RangeTokens& tokens) {
  const GradientFactors factors = gradient_factors(rule.switches, weights, tokens);
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

bool have_one_dtype(const TttInputs& inputs) {
  const auto dtype = inputs.k.scalar_type();
  return inputs.v.scalar_type() == dtype &&
         (!inputs.q.defined() || inputs.q.scalar_type() == dtype);
}

TttInputs slice_inputs(const TttInputs& inputs, int64_t dimension, int64_t begin, int64_t end) {
  return map_inputs(inputs, [&](const Tensor& x) { return slice(x, begin, end, dimension); });
}

bool requires_graph(const InnerState& start, const TttInputs& inputs) {
  for (FastWeights InnerState::*member : kInnerStateMembers) {
    for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
      if (fused::requires_graph({start.*member.*matrix})) {
        return true;
      }
    }
  }
  return fused::requires_graph({inputs.q,
                                inputs.k,
                                inputs.v,
                                inputs.lr0,
                                inputs.lr1,
                                inputs.lr2,
                                inputs.momentum,
                                inputs.decay});
}

bool keeps_published_order(const UpdateRule& rule) {
  return rule.switches.normalise_gradient &&
         rule.newton_schulz.precision == NewtonSchulzPrecision::kBfloat16;
}

void check_inputs(const UpdateRule& rule, const FastWeights& weights, const TttInputs& inputs) {
  const VariantSwitches& switches = rule.switches;
  if (!weights.w1.defined() || weights.w1.dim() != 3) {
    throw Error(ErrorParts{.what = "the fast weight w1 does not fit the layer",
                           .expected = "[batch, Dh, D]",
                           .got = shape_text(weights.w1)});
  }
  const int64_t batch = weights.w1.size(0);
  const int64_t hidden = weights.w1.size(1);
  const int64_t width = weights.w1.size(2);
  if (!inputs.k.defined() || inputs.k.dim() != 3) {
    throw Error(ErrorParts{.what = "the keys do not fit the layer",
                           .expected = fmt::format("[{}, L, {}]", batch, width),
                           .got = shape_text(inputs.k)});
  }
  const int64_t tokens = inputs.k.size(1);
  require_shape(inputs.k, "k", {batch, tokens, width});
  require_shape(inputs.v, "v", {batch, tokens, width});
  if (switches.query == QuerySource::kQuery) {
    require_shape(inputs.q, "q", {batch, tokens, width});
  }
  if (switches.feature_map == FeatureMap::kSwiGlu) {
    require_shape(weights.w0, "the fast weight w0", {batch, width, hidden});
    require_shape(weights.w2, "the fast weight w2", {batch, width, hidden});
  } else if (hidden != width) {
    throw Error(ErrorParts{.what = "the identity feature map needs a square fast weight w1",
                           .got = shape_text(weights.w1)});
  }
  if (switches.per_token_rate) {
    require_shape(inputs.lr1, "lr1", {batch, tokens, 1});
    if (updates_feature_map(switches)) {
      require_shape(inputs.lr0, "lr0", {batch, tokens, 1});
      require_shape(inputs.lr2, "lr2", {batch, tokens, 1});
    }
  }
  if (inputs.momentum.defined()) {
    require_shape(inputs.momentum, "momentum", {batch, tokens, 1});
  }
  if (switches.decay != Decay::kNone) {
    require_shape(inputs.decay, "decay", {batch, tokens, decay_width(switches, hidden)});
  }
  if (switches.decay == Decay::kChannel && updates_feature_map(switches)) {
    throw Error("weights can decay by channels only where W1 alone is updated");
  }
  if (switches.normalised_step && updates_feature_map(switches)) {
    throw Error("steps can be normalised only where W1 alone is updated");
  }
  if (switches.inner_steps < 1) {
    throw Error(ErrorParts{.what = "the number of inner steps is not usable",
                           .expected = "1 or more",
                           .got = std::to_string(switches.inner_steps)});
  }
}

InnerState start_state(const UpdateRule& rule, const FastWeights& weights) {
  InnerState state{.weights = weights, .main = weights};
  for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
    if (matrix != &FastWeights::w1 && !updates_feature_map(rule.switches)) {
      continue;
    }
    if (rule.switches.weight_norm != WeightNorm::kNone) {
      state.reference_norms.*matrix = column_norms(rule, weights.*matrix);
    }
    if (rule.switches.importance != Importance::kNone) {
      state.anchor.*matrix = weights.*matrix;
      state.importance.*matrix = torch::full_like(
          weights.*matrix, rule.elastic.first_importance, at::MemoryFormat::Contiguous);
    }
  }
  return state;
}

Tensor weigh(const Tensor& tokens, const Tensor& rate) {
  if (!rate.defined()) {
    return tokens;
  }
  return cuda::has_cuda_kernels(tokens) && !fused::requires_graph({tokens, rate})
             ? cuda::scaled_rows(tokens, rate)
             : tokens * rate.to(tokens.scalar_type());
}

Tensor feature_map(const VariantSwitches& rule,
                   const Tensor& x,
                   const FastWeights& weights,
                   const Tensor& rate) {
  if (rule.feature_map == FeatureMap::kIdentity) {
    return weigh(x, rate);
  }
  if (cuda::has_cuda_kernels(x) && !fused::requires_graph({x, weights.w0, weights.w2, rate})) {
    return cuda::gated_hidden(x, weights.w0, weights.w2, rate);
  }
  return swiglu(batched_product(x, weights.w0), batched_product(x, weights.w2), rate);
}

Tensor step_rate(const VariantSwitches& rule, const Tensor& features, const Tensor& lr1) {
  if (!rule.normalised_step) {
    return lr1;
  }
  const Tensor wide =
      features.scalar_type() == torch::kBFloat16 ? features.to(torch::kFloat32) : features;
  const Tensor divisor = wide.square().sum(-1, true) + kNormalisedStepEps;
  return lr1.defined() ? lr1 / divisor : divisor.reciprocal();
}

Tensor apply_fast_weights(const VariantSwitches& rule,
                          const Tensor& x,
                          const FastWeights& weights) {
  return batched_product(feature_map(rule, x, weights), weights.w1);
}

Tensor query_range(const VariantSwitches& rule,
                   const TttInputs& inputs,
                   int64_t start,
                   int64_t end) {
  return slice(rule.query == QuerySource::kKey ? inputs.k : inputs.q, start, end);
}

Tensor effective_values(const VariantSwitches& rule,
                        const Tensor& k,
                        const Tensor& v,
                        const FastWeights& weights) {
  return rule.loss == InnerLoss::kMse ? v - apply_fast_weights(rule, k, weights) : v;
}

FastWeights range_gradient(const UpdateRule& rule,
                           const FastWeights& weights,
                           const TttInputs& inputs,
                           int64_t start,
                           int64_t end) {
  return gradient_of_tokens(rule, weights, tokens_of_range(rule.switches, inputs, start, end));
}

Tensor momentum_of_range(const VariantSwitches& rule,
                         const TttInputs& inputs,
                         int64_t start,
                         int64_t end) {
  if (!rule.momentum || !inputs.momentum.defined()) {
    return {};
  }
  return slice(inputs.momentum, start, end).mean(1, true);
}

Tensor decay_of_range(const VariantSwitches& rule,
                      const TttInputs& inputs,
                      int64_t start,
                      int64_t end) {
  return rule.decay == Decay::kNone ? Tensor()
                                    : slice(inputs.decay, start, end).mean(1, true).transpose(1, 2);
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
  const RangeTokens tokens = tokens_of_range(rule.switches, inputs, start, end);
  const FastWeights& weights = state.weights;
  const auto& [k, v, lr0, lr1, lr2] = tokens;
  if (rule.switches.normalise_gradient && !momentum.defined() &&
      weights.w1.scalar_type() != torch::kBFloat16 &&
      !fused::requires_graph({weights.w0, weights.w1, weights.w2, k, v, lr0, lr1, lr2}) &&
      has_low_rank_newton_schulz(k, weights.w1.size(1), rule.newton_schulz)) {
    add_steps(rule, orthogonal_steps(rule, weights, tokens), state);
    return;
  }
  close_step(rule, gradient_of_tokens(rule, weights, tokens), momentum, state);
}

}  // namespace parallax
