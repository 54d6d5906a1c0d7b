// Elastic rules against loops over elements written from the formulas of arXiv 2604.07350, in
// float64.
#include <gtest/gtest.h>

#include "core/ops/common/dispatch.h"
#include "core/ttt/parallel.h"
#include "tests/support/kernel_cases.h"
#include "tests/support/random_layer.h"

namespace parallax::testing {
namespace {

constexpr int64_t kElasticTokens = 150;  // no multiple of a chunk

// Neither the defaults nor equal to each other.
constexpr ElasticOptions kUneven{.strength = 0.7,
                                 .importance_decay = 0.3,
                                 .anchor_decay = 0.8,
                                 .first_importance = 1e-3};

RandomLayer elastic_layer(const VariantSwitches& switches, bool momentum) {
  RandomLayer layer = random_layer(switches,
                                   {.heads = 3,
                                    .width = 16,
                                    .hidden = 24,
                                    .tokens = kElasticTokens,
                                    .weight_scale = 0.3,
                                    .rate_scale = switches.normalise_gradient ? 1 : 0.01,
                                    .has_momentum = momentum},
                                   9);
  layer.rule.newton_schulz.steps = 3;
  return layer;
}

// What one matrix takes from step to step, as plain numbers.
struct PlainState {
  std::vector<double> weights;
  std::vector<double> anchor;
  std::vector<double> importance;
};

std::vector<double> numbers(const Tensor& x) {
  const Tensor flat = x.to(torch::kFloat64).contiguous().view(-1);
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

PlainState plain_start(const Tensor& weights, const ElasticOptions& options) {
  const std::vector<double> w = numbers(weights);
  return {w, w, std::vector<double>(w.size(), options.first_importance)};
}

void plain_step(const ElasticOptions& options,
                Importance kind,
                const std::vector<double>& step,
                PlainState& state) {
  for (size_t j = 0; j < step.size(); ++j) {
    const double sum = state.weights[j] + step[j];
    const double counts = kind == Importance::kMagnitude ? std::abs(step[j])
                          : kind == Importance::kSquare
                              ? step[j] * step[j]
                              : std::abs(step[j] * (sum - state.anchor[j]));
    double& f = state.importance[j];
    f = options.importance_decay * f + (1 - options.importance_decay) * counts;
    state.weights[j] = (1 - options.strength * f) * sum + options.strength * f * state.anchor[j];
    state.anchor[j] =
        options.anchor_decay * state.anchor[j] + (1 - options.anchor_decay) * state.weights[j];
  }
}

Tensor as_tensor(const std::vector<double>& values, const Tensor& like) {
  return torch::tensor(values, torch::kFloat64).view(like.sizes());
}

// The layer on row 2's base: products of plain tensors, and the loop over elements.
struct PlainRun {
  Tensor output;
  Tensor weights, anchor, importance;
};

PlainRun plain_run(const RandomLayer& layer, int64_t chunk) {
  const TttInputs& in = layer.inputs;
  const auto features = [&](const Tensor& x) {
    return torch::silu(x.matmul(layer.weights.w0)) * x.matmul(layer.weights.w2);
  };
  const Tensor keys = features(in.k) * in.lr1;
  const Tensor queries = features(in.q);
  PlainState state = plain_start(layer.weights.w1, layer.rule.elastic);
  Tensor velocity = torch::zeros_like(layer.weights.w1);
  std::vector<Tensor> outputs;
  for (int64_t start = 0; start < in.k.size(1); start += chunk) {
    const int64_t end = std::min(start + chunk, in.k.size(1));
    velocity = keys.slice(1, start, end).transpose(1, 2).matmul(in.v.slice(1, start, end)) +
               (in.momentum.defined() ? in.momentum.slice(1, start, end).mean(1, true) * velocity
                                      : torch::zeros_like(velocity));
    const Tensor step = layer.rule.switches.normalise_gradient
                            ? orthogonalise(velocity, layer.rule.newton_schulz)
                            : velocity;
    plain_step(layer.rule.elastic, layer.rule.switches.importance, numbers(step), state);
    outputs.push_back(
        queries.slice(1, start, end).matmul(as_tensor(state.weights, layer.weights.w1)));
  }
  const auto shaped = [&](const std::vector<double>& x) { return as_tensor(x, layer.weights.w1); };
  return {torch::cat(outputs, 1),
          shaped(state.weights),
          shaped(state.anchor),
          shaped(state.importance)};
}

void expect_run(const TttResult& got, const PlainRun& expected) {
  EXPECT_LT(relative_difference(got.output, expected.output), 1e-10);
  EXPECT_LT(relative_difference(got.state.weights.w1, expected.weights), 1e-10);
  EXPECT_LT(relative_difference(got.state.main.w1, expected.weights), 1e-10);
  EXPECT_LT(relative_difference(got.state.anchor.w1, expected.anchor), 1e-10);
  EXPECT_LT(relative_difference(got.state.importance.w1, expected.importance), 1e-10);
}

TEST(Elastic, BothFormsAreThePlainLoop) {
  const torch::NoGradGuard no_grad;
  for (const ElasticOptions& options : {ElasticOptions{}, kUneven}) {
    for (const bool normalised : {true, false}) {
      for (const bool momentum : {false, true}) {
        for (const Importance kind :
             {Importance::kSquare, Importance::kMagnitude, Importance::kPath}) {
          VariantSwitches switches = find_variant("elastic").switches;
          switches.importance = kind;
          switches.normalise_gradient = normalised;
          RandomLayer layer = elastic_layer(switches, momentum);
          layer.rule.elastic = options;
          for (const int64_t chunk : {1, 16, 64}) {
            SCOPED_TRACE(chunk);
            const Schedule schedule = update_then_apply_chunks(kElasticTokens, chunk);
            const PlainRun expected = plain_run(layer, chunk);
            expect_run(run_recurrent(layer.rule, layer.weights, layer.inputs, schedule), expected);
            if (kind == Importance::kPath) {
              EXPECT_TRUE(why_no_parallel_form(switches).has_value());
              continue;
            }
            for (const KernelPath path : available_kernel_paths()) {
              const KernelPathGuard guard(path);
              expect_run(run_parallel(layer.rule, layer.weights, layer.inputs, schedule), expected);
            }
          }
        }
      }
    }
  }
}

// The published layer: gradients of the inner loss by autograd, all three matrices pulled, columns
// brought back to their norms, then the anchors moved.
TEST(Elastic, ThePublishedLayerIsItsFormulas) {
  const RandomLayer layer = elastic_layer(find_variant("elastic-published").switches, false);
  const TttInputs& in = layer.inputs;
  const std::vector<Tensor> first = {layer.weights.w0, layer.weights.w1, layer.weights.w2};
  const std::vector<Tensor> rates = {in.lr0, in.lr1, in.lr2};
  std::vector<Tensor> weights = first;
  std::vector<PlainState> states;
  for (const Tensor& w : first) {
    states.push_back(plain_start(w, {}));
  }
  std::vector<Tensor> outputs;
  const Schedule schedule = update_then_apply_chunks(kElasticTokens, 40);
  const auto net = [](const Tensor& x, const std::vector<Tensor>& w) {
    return (torch::silu(x.matmul(w[0])) * x.matmul(w[2])).matmul(w[1]);
  };
  for (const ScheduleStep& range : schedule) {
    const auto cut = [&](const Tensor& x) { return x.slice(1, range.start, range.end); };
    for (size_t m = 0; m < 3; ++m) {
      std::vector<Tensor> leaves = weights;
      leaves[m] = weights[m].clone().requires_grad_(true);
      (cut(rates[m]) * net(cut(in.k), leaves) * cut(in.v)).sum().backward();
      const Tensor step = orthogonalise(leaves[m].grad(), layer.rule.newton_schulz);
      // The anchor moves after the norm, so it is taken back and moved again.
      const Tensor anchor = as_tensor(states[m].anchor, step);
      plain_step({}, Importance::kPath, numbers(step), states[m]);
      const Tensor pulled = as_tensor(states[m].weights, step);
      const Tensor normed =
          pulled / (pulled.norm(2, {1}, true) + 1e-5) * first[m].norm(2, {1}, true);
      states[m].weights = numbers(normed);
      states[m].anchor = numbers(0.5 * anchor + 0.5 * normed);
    }
    for (size_t m = 0; m < 3; ++m) {
      weights[m] = as_tensor(states[m].weights, weights[m]);
    }
    outputs.push_back(net(cut(in.q), weights));
  }
  const TttResult got = run_recurrent(layer.rule, layer.weights, in, schedule);
  EXPECT_LT(relative_difference(got.output, torch::cat(outputs, 1)), 1e-10);
  EXPECT_LT(relative_difference(got.state.anchor.w0, as_tensor(states[0].anchor, first[0])), 1e-10);
  EXPECT_LT(relative_difference(got.state.importance.w2, as_tensor(states[2].importance, first[2])),
            1e-10);
}

// With no pull, row 2; over one range with the published strength, row 2's step shrunk by λ F.
TEST(Elastic, ThePullShrinksTheFirstStep) {
  const torch::NoGradGuard no_grad;
  RandomLayer layer = elastic_layer(find_variant("elastic").switches, true);
  RandomLayer plain = layer;
  plain.rule.switches.importance = Importance::kNone;
  const Schedule one = update_then_apply_all(kElasticTokens, kElasticTokens);
  const Schedule several = update_then_apply_chunks(kElasticTokens, 16);
  const auto w1 = [](const RandomLayer& of, const Schedule& schedule) {
    return run_recurrent(of.rule, of.weights, of.inputs, schedule).state.weights.w1;
  };
  const Tensor step = w1(plain, one) - plain.weights.w1;
  const Tensor importance = 0.5 * 1e-6 + 0.5 * step.square();
  EXPECT_LT(relative_difference(w1(layer, one) - layer.weights.w1, (1 - 0.5 * importance) * step),
            1e-10);
  layer.rule.elastic.strength = 0;
  EXPECT_LT(relative_difference(w1(layer, several), w1(plain, several)), 1e-12);
}

// The anchor and the importance go from piece to piece, in either form.
TEST(Elastic, StreamingInPiecesEqualsAtOnce) {
  const torch::NoGradGuard no_grad;
  for (const char* variant : {"elastic", "elastic-published"}) {
    const RandomLayer layer = elastic_layer(find_variant(variant).switches, true);
    const Schedule schedule = update_then_apply_chunks(kElasticTokens, 16);
    const TttResult whole = run_recurrent(layer.rule, layer.weights, layer.inputs, schedule);
    for (const bool parallel : {false, true}) {
      if (parallel && why_no_parallel_form(layer.rule.switches)) {
        continue;
      }
      InnerState state = start_state(layer.rule, layer.weights);
      std::vector<Tensor> outputs;
      for (size_t begin = 0; begin < schedule.size(); begin += 3) {
        const size_t end = std::min(begin + 3, schedule.size());
        const Schedule piece(schedule.begin() + static_cast<int64_t>(begin),
                             schedule.begin() + static_cast<int64_t>(end));
        const TttResult part = parallel ? run_parallel(layer.rule, state, layer.inputs, piece)
                                        : run_recurrent(layer.rule, state, layer.inputs, piece);
        outputs.push_back(part.output);
        state = part.state;
      }
      EXPECT_LT(relative_difference(torch::cat(outputs, 1), whole.output), 1e-10) << variant;
      EXPECT_LT(relative_difference(state.anchor.w1, whole.state.anchor.w1), 1e-10) << variant;
      EXPECT_LT(relative_difference(state.importance.w1, whole.state.importance.w1), 1e-10);
    }
  }
}

TEST(Elastic, WhatHasNoParallelFormIsRefusedWithTheReason) {
  const auto reason = [](VariantSwitches switches) {
    return why_no_parallel_form(switches).value_or("");
  };
  const VariantSwitches elastic = find_variant("elastic").switches;
  EXPECT_EQ(reason(elastic), "");
  EXPECT_NE(reason(find_variant("elastic-published").switches).find("W0 and W2 are updated"),
            std::string::npos);
  VariantSwitches changed = elastic;
  changed.importance = Importance::kPath;
  EXPECT_NE(reason(changed).find("importance"), std::string::npos);
  changed = elastic;
  changed.weight_norm = WeightNorm::kPost;
  EXPECT_NE(reason(changed).find("weight normalisation"), std::string::npos);
  changed = elastic;
  changed.loss = InnerLoss::kMse;
  EXPECT_NE(reason(changed).find("residual"), std::string::npos);
  changed = elastic;
  changed.decay = Decay::kToken;
  EXPECT_NE(reason(changed).find("decay"), std::string::npos);
}

}  // namespace
}  // namespace parallax::testing
