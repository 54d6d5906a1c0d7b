// Closed-form gradients of the inner losses. Gradients are written as steps, that is, negated. They
// are linear in the error, so its scale s/N is applied only to their sums: W ← W + (s/N) G.
#include "vision/models/vit3/inner_nets.h"

#include <algorithm>
#include <cmath>

#include "core/ops/common/dispatch.h"
#include "core/ops/cuda/operators.h"
#include "core/ops/depthwise/depthwise.h"
#include "core/ops/elementwise/fused.h"
#include "core/ops/glu_net/glu_net.h"

namespace parallax {
namespace {

// The published layer scales both branches by the convolution's fan-in, 3·3.
const double kScale = 1 / std::sqrt(9.0);

bool has_gate(const Vit3Rule& rule) { return rule.switches.feature_map == FeatureMap::kSwiGlu; }

bool updates_gate(const Vit3Rule& rule) { return updates_feature_map(rule.switches); }

// The input that the trained nets are applied to.
Tensor applied_input(const Vit3Rule& rule, const Tensor& q, const Tensor& k) {
  if (rule.mixing != QueryKeyMixing::kNone) {
    return 0.5 * (q + k);
  }
  return rule.switches.query == QuerySource::kKey ? k : q;
}

Tensor plus(const Tensor& sum, const Tensor& term) { return sum.defined() ? sum + term : term; }

// [H, B, N, d] × [H, 1 or B, d, e] → [H, B, N, e]; weights shared by all images take one product
// per head.
Tensor times(const Tensor& x, const Tensor& w) {
  if (w.size(1) == 1) {
    return torch::bmm(x.flatten(1, 2), w.squeeze(1)).view({x.size(0), x.size(1), x.size(2), -1});
  }
  return torch::bmm(x.flatten(0, 1), w.flatten(0, 1)).view({x.size(0), x.size(1), x.size(2), -1});
}

// The step for inputs x and values v at the given weights: [H, B, d, d] each, in float32 or better.
GluWeights glu_step(const Vit3Rule& rule,
                    const Tensor& x,  // [H, B, n, d]
                    const Tensor& v,  // [H, B, n, d]
                    const GluWeights& weights) {
  const auto outer = [&](const Tensor& values) {
    const Tensor product = torch::bmm(x.flatten(0, 1).transpose(1, 2), values.flatten(0, 1));
    return product.view({x.size(0), x.size(1), x.size(3), -1});
  };
  if (!has_gate(rule)) {
    return {.w1 = outer(v * times(x, weights.w1))};  // as the published code, which gates with x W1
  }
  const Tensor gate_input = times(x, weights.w2);
  if (!updates_gate(rule)) {
    return {.w1 = outer(swiglu(gate_input, v))};
  }
  // Under the MSE loss the published code uses the gate alone as the prediction.
  const Tensor error = rule.switches.loss == InnerLoss::kMse ? v - torch::silu(gate_input) : v;
  const InnerFactors factors = inner_factors(gate_input, times(x, weights.w1), error, {}, {}, {});
  return {.w1 = outer(factors.dm), .w2 = outer(factors.da)};
}

GluWeights range_step(const Vit3Rule& rule,
                      const Tensor& q,
                      const Tensor& k,
                      const Tensor& v,
                      const GluWeights& weights) {
  switch (rule.mixing) {
    case QueryKeyMixing::kInputs:
      return glu_step(rule, 0.5 * (q + k), v, weights);
    case QueryKeyMixing::kGradients: {
      const GluWeights a = glu_step(rule, k, v, weights);
      const GluWeights b = glu_step(rule, q, v, weights);
      return {0.5 * (a.w1 + b.w1), 0.5 * (a.w2 + b.w2)};
    }
    default:
      return glu_step(rule, k, v, weights);
  }
}

// W plus the closed-form step, in the weights' own precision.
Tensor closed(const Vit3Rule& rule, const Tensor& w, const Tensor& step, double scale) {
  if (!step.defined()) {
    return w;
  }
  Tensor g = step * scale;
  if (rule.switches.normalise_gradient) {
    g = g / (g.norm(2, {-2}, true) + 1);
  }
  return rule.switches.direction == Direction::kDescent ? w + g : w - g;
}

// One gradient step on all tokens.
GluWeights train_glu_once(const Vit3Rule& rule,
                          const Tensor& q,
                          const Tensor& k,
                          const Tensor& v,
                          const GluWeights& weights,  // [H, 1 or B, d, d]
                          int64_t tokens_per_step) {
  const int64_t tokens = k.size(2);
  const int64_t stride = tokens_per_step > 0 ? std::min(tokens_per_step, tokens) : tokens;
  const double scale = kScale / static_cast<double>(tokens);
  const GluWeights cast = {weights.w1.to(k.scalar_type()), weights.w2.to(k.scalar_type())};
  GluWeights sum;
  for (int64_t begin = 0; begin < tokens; begin += stride) {
    const int64_t end = std::min(begin + stride, tokens);
    const auto part = [&](const Tensor& x) { return x.slice(2, begin, end); };
    const GluWeights share = range_step(rule, part(q), part(k), part(v), cast);
    sum.w1 = plus(sum.w1, share.w1.to(weights.w1.scalar_type()));
    if (share.w2.defined()) {
      sum.w2 = plus(sum.w2, share.w2.to(weights.w2.scalar_type()));
    }
  }
  return {closed(rule, weights.w1, sum.w1, scale), closed(rule, weights.w2, sum.w2, scale)};
}

}  // namespace

GluWeights train_glu(const Vit3Rule& rule,
                     const Tensor& q,
                     const Tensor& k,
                     const Tensor& v,
                     const GluWeights& weights,
                     int64_t tokens_per_step) {
  GluWeights trained = weights;
  for (int step = 0; step < rule.switches.inner_steps; ++step) {
    trained = train_glu_once(rule, q, k, v, trained, tokens_per_step);
  }
  return trained;
}

Tensor apply_glu(const Vit3Rule& rule,
                 const Tensor& q,
                 const Tensor& k,
                 const GluWeights& weights) {
  const Tensor x = applied_input(rule, q, k);
  const Tensor linear = times(x, weights.w1.to(x.scalar_type()));
  return has_gate(rule) ? swiglu(times(x, weights.w2.to(x.scalar_type())), linear) : linear;
}

namespace {

// Whether one pass over the tokens trains all there is to train.
bool trains_in_one_pass(const Vit3Rule& rule) {
  return rule.mixing == QueryKeyMixing::kNone && rule.switches.loss == InnerLoss::kDotProduct &&
         rule.switches.inner_steps == 1;
}

double sign_of(const Vit3Rule& rule) {
  return rule.switches.direction == Direction::kDescent ? 1.0 : -1.0;
}

}  // namespace

Tensor train_and_apply_glu(const Vit3Rule& rule,
                           const Tensor& q,
                           const Tensor& k,
                           const Tensor& v,
                           const GluWeights& weights,
                           int64_t tokens_per_step) {
  const bool fused =
      has_fused_kernels(k) && trains_in_one_pass(rule) && k.scalar_type() == v.scalar_type();
  if (!fused) {
    return side_by_side(apply_glu(rule, q, k, train_glu(rule, q, k, v, weights, tokens_per_step)));
  }
  return glu_net(applied_input(rule, q, k),
                 k,
                 v,
                 weights.w1.squeeze(1),
                 weights.w2.squeeze(1),
                 {.gated = has_gate(rule),
                  .trains_gate = updates_gate(rule),
                  .normalised = rule.switches.normalise_gradient,
                  .scale = kScale / static_cast<double>(k.size(2)),
                  .sign = sign_of(rule),
                  .step_tokens = tokens_per_step});
}

Tensor train_and_apply_at_once(const Vit3Rule& rule,
                               const Tensor& packed,
                               const Tensor& rotations,
                               const GluWeights& start,
                               const Tensor& w3,
                               const InnerNetSizes& sizes) {
  const cuda::InnerNetsRule kernel_rule{
      .heads = sizes.heads,
      .rows = sizes.rows,
      .cols = sizes.cols,
      .trains_gate = updates_gate(rule),
      .normalised = rule.switches.normalise_gradient,
      .applies_to_keys = rule.switches.query == QuerySource::kKey,
      .scale = kScale / static_cast<double>(sizes.rows * sizes.cols),
      .sign = sign_of(rule)};
  if (!trains_in_one_pass(rule) || !has_gate(rule) ||
      fused::requires_graph({packed, start.w1, start.w2, w3}) ||
      !cuda::takes_inner_nets(packed, kernel_rule)) {
    return {};
  }
  return cuda::inner_nets(
      packed, rotations, start.w1.squeeze(1), start.w2.squeeze(1), w3.flatten(1), kernel_rule);
}

Tensor side_by_side(const Tensor& heads) { return heads.permute({1, 2, 0, 3}).flatten(2); }

Tensor train_convolution(const Vit3Rule& rule,
                         const Tensor& q,
                         const Tensor& k,
                         const Tensor& v,
                         const Tensor& w3,
                         int64_t rows_per_step) {
  const int64_t rows = k.size(1);
  const int64_t stride = rows_per_step > 0 ? std::min(rows_per_step, rows) : rows;
  // The step is linear in its input, so both ways of mixing amount to the mean of the inputs.
  const Tensor input = rule.mixing == QueryKeyMixing::kNone ? k : 0.5 * (q + k);
  Tensor sum;
  for (int64_t begin = 0; begin < rows; begin += stride) {
    const Tensor values = v.slice(1, begin, std::min(begin + stride, rows));
    sum = plus(sum, depthwise_correlation(input, values, begin));
  }
  const Tensor step = sum.to(w3.scalar_type()) * (kScale / static_cast<double>(rows * k.size(2)));
  // Every variant normalises this branch's gradient and descends. The gradient does not depend on
  // the kernels, so that further steps repeat the first.
  return w3.flatten(1).t() + rule.switches.inner_steps * (step / (step.norm(2, {1}, true) + 1));
}

Tensor apply_convolution(const Vit3Rule& rule, const Tensor& q, const Tensor& k, const Tensor& w3) {
  const Tensor x = applied_input(rule, q, k);
  return depthwise_convolution(x, w3, {}, x.size(1));
}

}  // namespace parallax
