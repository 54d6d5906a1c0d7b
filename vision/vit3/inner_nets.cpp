// Closed-form gradients of the inner losses. Gradients are written as steps, that is negated, and
// scaled by s/N: W ← W + G.
#include "vision/vit3/inner_nets.h"

#include <algorithm>
#include <cmath>

namespace parallax {
namespace {

constexpr int64_t kKernelSide = 3;
// The published layer scales both branches by the convolution's fan-in, 3·3.
const double kScale = 1 / std::sqrt(9.0);

bool has_gate(const Vit3Rule& rule) { return rule.switches.kernel == FastKernel::kSwiGlu; }

bool updates_gate(const Vit3Rule& rule) { return updates_kernel(rule.switches); }

// What the trained nets are applied to.
Tensor applied_input(const Vit3Rule& rule, const Tensor& q, const Tensor& k) {
  if (rule.mixing != QueryKeyMixing::kNone) {
    return 0.5 * (q + k);
  }
  return rule.switches.query == QuerySource::kKey ? k : q;
}

Tensor plus(const Tensor& sum, const Tensor& term) { return sum.defined() ? sum + term : term; }

// [H, B, N, d] × [H, 1 or B, d, e] → [H, B, N, e]; the weights that all images share meet their
// tokens in one product a head.
Tensor times(const Tensor& x, const Tensor& w) {
  if (w.size(1) == 1) {
    return torch::bmm(x.flatten(1, 2), w.squeeze(1)).view({x.size(0), x.size(1), x.size(2), -1});
  }
  return torch::bmm(x.flatten(0, 1), w.flatten(0, 1)).view({x.size(0), x.size(1), x.size(2), -1});
}

// The step that inputs x and values v ask for, at the given weights: [H, B, d, d] each, in float32
// or better.
GluWeights glu_step(const Vit3Rule& rule,
                    const Tensor& x,  // [H, B, n, d]
                    const Tensor& v,  // [H, B, n, d], scaled
                    const GluWeights& weights,
                    double scale) {
  const auto outer = [&](const Tensor& values) {
    const Tensor product = torch::bmm(x.flatten(0, 1).transpose(1, 2), values.flatten(0, 1));
    return product.view({x.size(0), x.size(1), x.size(3), -1});
  };
  if (!has_gate(rule)) {
    return {.w1 = outer(v * times(x, weights.w1))};  // the published code gates with x W1 itself
  }
  const Tensor gate_input = times(x, weights.w2);
  const Tensor sigmoid = torch::sigmoid(gate_input);
  const Tensor gate = gate_input * sigmoid;
  // Under the MSE loss the published code takes the gate alone for the prediction.
  const Tensor error =
      rule.switches.loss == InnerLoss::kMse ? torch::sub(v, gate, scale) : v;  // v − scale·gate
  if (!updates_gate(rule)) {
    return {.w1 = outer(error * gate)};
  }
  const Tensor slope = sigmoid + gate * (1 - sigmoid);  // silu'
  const Tensor both = outer(torch::cat({error * gate, error * times(x, weights.w1) * slope}, -1));
  const auto halves = both.chunk(2, -1);
  return {.w1 = halves[0], .w2 = halves[1]};
}

GluWeights range_step(const Vit3Rule& rule,
                      const Tensor& q,
                      const Tensor& k,
                      const Tensor& v,
                      const GluWeights& weights,
                      double scale) {
  switch (rule.mixing) {
    case QueryKeyMixing::kInputs:
      return glu_step(rule, 0.5 * (q + k), v, weights, scale);
    case QueryKeyMixing::kGradients: {
      const GluWeights a = glu_step(rule, k, v, weights, scale);
      const GluWeights b = glu_step(rule, q, v, weights, scale);
      return {0.5 * (a.w1 + b.w1), 0.5 * (a.w2 + b.w2)};
    }
    default:
      return glu_step(rule, k, v, weights, scale);
  }
}

// W plus the closed step, in the weights' own precision.
Tensor closed(const Vit3Rule& rule, const Tensor& w, const Tensor& step) {
  if (!step.defined()) {
    return w;
  }
  Tensor g = step.to(w.scalar_type());
  if (rule.switches.normalise_gradient) {
    g = g / (g.norm(2, {-2}, true) + 1);
  }
  return rule.switches.direction == Direction::kDescent ? w + g : w - g;
}

// The nine shifted products of rows [begin, end) of e with the padded input: [B, d, 3, 3].
Tensor convolution_step(const Tensor& padded,  // [B, d, rows + 2, cols + 2]
                        const Tensor& e,       // [B, d, rows, cols]
                        int64_t begin,
                        int64_t end) {
  const int64_t cols = e.size(3);
  const Tensor values = e.slice(2, begin, end);
  std::vector<Tensor> products;
  for (int64_t dy = 0; dy < kKernelSide; ++dy) {
    for (int64_t dx = 0; dx < kKernelSide; ++dx) {
      const Tensor window = padded.slice(2, begin + dy, end + dy).slice(3, dx, dx + cols);
      products.push_back((window * values).sum({-2, -1}));
    }
  }
  return torch::stack(products, -1).view({e.size(0), e.size(1), kKernelSide, kKernelSide});
}

}  // namespace

GluWeights train_glu(const Vit3Rule& rule,
                     const Tensor& q,
                     const Tensor& k,
                     const Tensor& v,
                     const GluWeights& weights,
                     int64_t tokens_per_step) {
  const int64_t tokens = k.size(2);
  const int64_t stride = tokens_per_step > 0 ? std::min(tokens_per_step, tokens) : tokens;
  const double scale = kScale / static_cast<double>(tokens);
  const GluWeights cast = {weights.w1.to(k.scalar_type()), weights.w2.to(k.scalar_type())};
  GluWeights sum;
  for (int64_t begin = 0; begin < tokens; begin += stride) {
    const int64_t end = std::min(begin + stride, tokens);
    const auto part = [&](const Tensor& x) { return x.slice(2, begin, end); };
    const GluWeights share = range_step(rule, part(q), part(k), part(v) * scale, cast, scale);
    sum.w1 = plus(sum.w1, share.w1.to(weights.w1.scalar_type()));
    if (share.w2.defined()) {
      sum.w2 = plus(sum.w2, share.w2.to(weights.w2.scalar_type()));
    }
  }
  return {closed(rule, weights.w1, sum.w1), closed(rule, weights.w2, sum.w2)};
}

Tensor apply_glu(const Vit3Rule& rule,
                 const Tensor& q,
                 const Tensor& k,
                 const GluWeights& weights) {
  const Tensor x = applied_input(rule, q, k);
  const Tensor linear = times(x, weights.w1.to(x.scalar_type()));
  return has_gate(rule) ? linear * torch::silu(times(x, weights.w2.to(x.scalar_type()))) : linear;
}

Tensor train_convolution(const Vit3Rule& rule,
                         const Tensor& q,
                         const Tensor& k,
                         const Tensor& v,
                         const Tensor& w3,
                         int64_t rows_per_step) {
  const int64_t rows = k.size(2);
  const int64_t stride = rows_per_step > 0 ? std::min(rows_per_step, rows) : rows;
  const Tensor e = v * (kScale / static_cast<double>(rows * k.size(3)));
  // The step is linear in its input, so both ways of mixing come to the inputs' mean.
  const Tensor input = rule.mixing == QueryKeyMixing::kNone ? k : 0.5 * (q + k);
  const Tensor padded = torch::constant_pad_nd(input, {1, 1, 1, 1});
  Tensor sum;
  for (int64_t begin = 0; begin < rows; begin += stride) {
    const Tensor share = convolution_step(padded, e, begin, std::min(begin + stride, rows));
    sum = plus(sum, share.to(w3.scalar_type()));
  }
  const Tensor step = sum.flatten(0, 1).unsqueeze(1);
  // Every variant normalises this branch's gradient and descends.
  const Tensor normalised = step / (step.norm(2, {-2, -1}, true) + 1);
  return w3.repeat({k.size(0), 1, 1, 1}) + normalised;
}

Tensor apply_convolution(const Vit3Rule& rule, const Tensor& q, const Tensor& k, const Tensor& w3) {
  const Tensor x = applied_input(rule, q, k);
  const int64_t images = x.size(0) * x.size(1);
  const Tensor output = torch::conv2d(
      x.reshape({1, images, x.size(2), x.size(3)}), w3.to(x.scalar_type()), {}, 1, 1, 1, images);
  return output.view(x.sizes());
}

}  // namespace parallax
