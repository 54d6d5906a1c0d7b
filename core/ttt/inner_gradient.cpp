// The formulas in LibTorch operations, differentiable on any device and dtype, and in fewer passes
// where a GPU's kernels take them.
#include "core/ttt/inner_gradient.h"

#include "core/ops/common/dispatch.h"
#include "core/ops/cuda/operators.h"
#include "core/ops/elementwise/fused.h"
#include "core/ops/matmul/batched_matmul.h"

namespace parallax {
namespace {

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
    return rule.per_token_rate && lr.defined() ? slice_tokens(lr, start, end) : Tensor();
  };
  return {slice_tokens(inputs.k, start, end),
          slice_tokens(inputs.v, start, end),
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

// The element-wise work of all three gradients in one pass, which also applies the rates.
GradientFactors factors_of_tokens(const VariantSwitches& rule,
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
  const GradientFactors factors = factors_of_tokens(rule, weights, tokens);
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

}  // namespace

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
  return slice_tokens(rule.query == QuerySource::kKey ? inputs.k : inputs.q, start, end);
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

GradientFactors gradient_factors(const UpdateRule& rule,
                                 const FastWeights& weights,
                                 const TttInputs& inputs,
                                 int64_t start,
                                 int64_t end) {
  return factors_of_tokens(
      rule.switches, weights, tokens_of_range(rule.switches, inputs, start, end));
}

}  // namespace parallax
