// The rows of later work against loops written from their papers' formulas, in float64 and token by
// token.
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/ops/common/dispatch.h"
#include "core/ttt/parallel.h"
#include "core/ttt/scan/delta_values.h"
#include "core/ttt/scan/linear_recurrence.h"
#include "core/ttt/views/linear_attention_view.h"
#include "tests/support/kernel_cases.h"
#include "tests/support/random_layer.h"

namespace parallax::testing {
namespace {

constexpr int64_t kTokens = 150;  // no multiple of a tile
constexpr int64_t kWidth = 32;

RandomLayer later_layer(std::string_view variant, int64_t tokens = kTokens, bool momentum = false) {
  return random_layer(find_variant(variant).switches,
                      {.heads = 2,
                       .width = kWidth,
                       .hidden = 48,
                       .tokens = tokens,
                       .weight_scale = 0.4,
                       .has_momentum = momentum},
                      5);
}

using Head = std::vector<std::vector<double>>;  // [rows][cols]

Head head_of(const Tensor& x, int64_t head) {
  const Tensor rows = x[head].contiguous();
  Head values(static_cast<size_t>(rows.size(0)), std::vector<double>(rows.size(1)));
  for (int64_t i = 0; i < rows.size(0); ++i) {
    for (int64_t j = 0; j < rows.size(1); ++j) {
      values[i][j] = rows[i][j].item<double>();
    }
  }
  return values;
}

std::vector<double> times(const std::vector<double>& row, const Head& matrix) {
  std::vector<double> result(matrix.front().size());
  for (size_t i = 0; i < row.size(); ++i) {
    for (size_t j = 0; j < result.size(); ++j) {
      result[j] += row[i] * matrix[i][j];
    }
  }
  return result;
}

enum class Published { kGatedLinearAttention, kGatedDeltaRule };

// S ← α S + kᵀ v, or S ← (I − β kᵀ k) α S + β kᵀ v, α a number or a diagonal matrix; o = q S. One
// update per token.
Head plain_loop(const RandomLayer& layer, int64_t head, Published rule) {
  const TttInputs& in = layer.inputs;
  const Head q = head_of(in.q, head);
  const Head k = head_of(in.k, head);
  const Head v = head_of(in.v, head);
  const Head alphas = in.decay.defined() ? head_of(in.decay, head) : Head();
  Head state = head_of(layer.weights.w1, head);
  Head outputs;
  for (size_t t = 0; t < q.size(); ++t) {
    for (size_t i = 0; i < state.size() && !alphas.empty(); ++i) {
      for (double& x : state[i]) {
        x *= alphas[t][i % alphas[t].size()];
      }
    }
    const bool is_delta = rule == Published::kGatedDeltaRule;
    const double beta = is_delta ? in.lr1[head][static_cast<int64_t>(t)][0].item<double>() : 1;
    const std::vector<double> recalled = times(k[t], state);
    for (size_t i = 0; i < state.size(); ++i) {
      for (size_t j = 0; j < state.size(); ++j) {
        const double erased = is_delta ? beta * k[t][i] * recalled[j] : 0;
        state[i][j] += beta * k[t][i] * v[t][j] - erased;
      }
    }
    outputs.push_back(times(q[t], state));
  }
  return outputs;
}

void expect_is(const Tensor& output, const RandomLayer& layer, Published rule) {
  for (int64_t head = 0; head < output.size(0); ++head) {
    const Head expected = plain_loop(layer, head, rule);
    const Head got = head_of(output, head);
    double largest = 0;
    double difference = 0;
    for (size_t t = 0; t < expected.size(); ++t) {
      for (size_t j = 0; j < expected[t].size(); ++j) {
        largest = std::max(largest, std::abs(expected[t][j]));
        difference = std::max(difference, std::abs(expected[t][j] - got[t][j]));
      }
    }
    EXPECT_LT(difference, 1e-10 * largest);
  }
}

TEST(LaterRows, AreTheirPapersRecurrencesAtOneTokenPerUpdate) {
  const torch::NoGradGuard no_grad;
  const Schedule schedule = update_then_apply_chunks(kTokens, 1);
  for (const auto& [variant, rule] : {std::pair{"6", Published::kGatedLinearAttention},
                                      {"gated", Published::kGatedLinearAttention},
                                      {"retention", Published::kGatedLinearAttention},
                                      {"gla", Published::kGatedLinearAttention},
                                      {"delta", Published::kGatedDeltaRule},
                                      {"gated-delta", Published::kGatedDeltaRule},
                                      {"kda", Published::kGatedDeltaRule}}) {
    SCOPED_TRACE(variant);
    const RandomLayer layer = later_layer(variant);
    expect_is(run_recurrent(layer.rule, layer.weights, layer.inputs, schedule).output, layer, rule);
    for (const KernelPath path : fused_paths()) {
      const KernelPathGuard guard(path);
      expect_is(
          run_parallel(layer.rule, layer.weights, layer.inputs, schedule).output, layer, rule);
    }
    const KernelPathGuard guard(KernelPath::kReference);
    expect_is(run_parallel(layer.rule, layer.weights, layer.inputs, schedule).output, layer, rule);
  }
}

// W ← W + η φ(k)ᵀ (v − φ(k) W) / (ε + ‖φ(k)‖²).
TEST(LaterRows, NormalisedStepsAreThoseOfLeastMeanSquares) {
  const torch::NoGradGuard no_grad;
  const RandomLayer layer = later_layer("nlms");
  const TttInputs& in = layer.inputs;
  const auto features = [&](const Tensor& x) {
    return torch::silu(x.matmul(layer.weights.w0)) * x.matmul(layer.weights.w2);
  };
  const Tensor keys = features(in.k);
  const Tensor queries = features(in.q);
  Tensor state = layer.weights.w1.clone();
  std::vector<Tensor> outputs;
  for (int64_t t = 0; t < kTokens; ++t) {
    const Tensor key = keys.slice(1, t, t + 1);
    const Tensor error = in.v.slice(1, t, t + 1) - key.matmul(state);
    const Tensor rate = in.lr1.slice(1, t, t + 1) / (1e-4 + key.square().sum(-1, true));
    state = state + key.transpose(1, 2).matmul(rate * error);
    outputs.push_back(queries.slice(1, t, t + 1).matmul(state));
  }
  const Tensor expected = torch::cat(outputs, 1);
  const Schedule schedule = update_then_apply_chunks(kTokens, 1);
  EXPECT_LT(
      relative_difference(run_recurrent(layer.rule, layer.weights, in, schedule).output, expected),
      1e-10);
  EXPECT_LT(
      relative_difference(run_parallel(layer.rule, layer.weights, in, schedule).output, expected),
      1e-10);
}

// A step on one key at rate 1 recalls its value exactly, however long the key.
TEST(LaterRows, ANormalisedStepAtRateOneRecallsTheValue) {
  const torch::NoGradGuard no_grad;
  RandomLayer layer = later_layer("nlms", 1);
  layer.inputs.lr1 = torch::ones_like(layer.inputs.lr1);
  layer.inputs.k = 1000 * layer.inputs.k;
  layer.inputs.q = layer.inputs.k;
  const Tensor output =
      run_recurrent(layer.rule, layer.weights, layer.inputs, {{0, 1, true, true}}).output;
  EXPECT_LT(relative_difference(output, layer.inputs.v), 1e-6);
}

// Row 2's steps, scaled by hand between updates.
TEST(LaterRows, TheGateMultipliesTheStateOnceForEachUpdate) {
  const torch::NoGradGuard no_grad;
  const RandomLayer layer = later_layer("gated-full", kTokens, true);
  UpdateRule plain = layer.rule;
  plain.switches.decay = Decay::kNone;
  const Schedule schedule = update_then_apply_chunks(kTokens, 40);
  InnerState state = start_state(plain, layer.weights);
  std::vector<Tensor> outputs;
  for (const ScheduleStep& step : schedule) {
    const Tensor gate = layer.inputs.decay.slice(1, step.start, step.end).mean(1, true);
    state.weights.w1 = state.main.w1 = state.weights.w1 * gate;
    const TttResult part = run_recurrent(plain, state, layer.inputs, {step});
    state = part.state;
    outputs.push_back(part.output);
  }
  const Tensor expected = torch::cat(outputs, 1);
  for (const Tensor& output :
       {run_recurrent(layer.rule, layer.weights, layer.inputs, schedule).output,
        run_parallel(layer.rule, layer.weights, layer.inputs, schedule).output}) {
    EXPECT_LT(relative_difference(output, expected), 1e-10);
  }
}

// A gate that closes forgets everything, exactly, in the middle of a tile too.
TEST(LaterRows, AClosedGateForgets) {
  const torch::NoGradGuard no_grad;
  for (const char* variant : {"gated", "gated-full", "gla", "gated-delta", "kda"}) {
    RandomLayer layer = later_layer(variant);
    layer.inputs.decay.slice(1, 70, 71).zero_();
    RandomLayer without = layer;
    without.weights.w1 = torch::zeros_like(layer.weights.w1);
    without.inputs = slice_inputs(layer.inputs, 1, 70, kTokens);
    const Schedule tail = update_then_apply_chunks(kTokens - 70, 1);
    const Tensor expected =
        run_recurrent(without.rule, without.weights, without.inputs, tail).output;
    for (const KernelPath path : {KernelPath::kReference, fused_paths().back()}) {
      const KernelPathGuard guard(path);
      const Tensor output =
          run_parallel(
              layer.rule, layer.weights, layer.inputs, update_then_apply_chunks(kTokens, 1))
              .output.slice(1, 70);
      EXPECT_TRUE(output.isfinite().all().item<bool>()) << variant;
      EXPECT_LT(relative_difference(output, expected), 1e-9) << variant;
    }
  }
}

// Gates so small that products over a tile underflow: nothing is divided by them.
TEST(LaterRows, TinyGatesStayFinite) {
  const torch::NoGradGuard no_grad;
  for (const char* variant : {"gated", "gla", "gated-delta", "kda"}) {
    RandomLayer layer = later_layer(variant).to(torch::kFloat32);
    layer.inputs.decay.fill_(1e-20);
    for (const KernelPath path : {KernelPath::kReference, fused_paths().back()}) {
      const KernelPathGuard guard(path);
      for (const int64_t chunk : {1, 3}) {
        const Schedule schedule = update_then_apply_chunks(kTokens, chunk);
        const Tensor output =
            run_parallel(layer.rule, layer.weights, layer.inputs, schedule).output;
        const Tensor expected =
            run_recurrent(layer.rule, layer.weights, layer.inputs, schedule).output;
        EXPECT_LT(relative_difference(output, expected.to(torch::kFloat64)), 1e-5) << variant;
      }
    }
  }
}

TEST(LaterRows, EffectiveValuesAreThoseOfOneUpdateAfterTheOther) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  for (const auto& [steps, length, channels] :
       {std::tuple{70, 1, 1}, {20, 5, 1}, {3, 100, 1}, {1, 1, 1}, {70, 1, 8}, {20, 5, 8}}) {
    const auto draw = [&](int64_t width) {
      return torch::randn({2, steps, length, width}, torch::kFloat64);
    };
    const Tensor keys = draw(8) / 4;
    const DeltaUpdates updates{.state = torch::randn({2, 8, 6}, torch::kFloat64),
                               .keys = keys,
                               .values = draw(6),
                               .rates = draw(1).abs() / static_cast<double>(length),
                               .decays = torch::rand({2, steps, channels, 1}, torch::kFloat64)};
    Tensor state = updates.state;
    std::vector<Tensor> expected;
    for (int64_t i = 0; i < steps; ++i) {
      const Tensor key = keys.select(1, i);
      state = updates.decays.select(1, i) * state;
      expected.push_back(updates.rates.select(1, i) *
                         (updates.values.select(1, i) - key.matmul(state)));
      state = state + key.transpose(1, 2).matmul(expected.back());
    }
    EXPECT_LT(relative_difference(delta_values(updates), torch::stack(expected, 1)), 1e-11);
  }
}

TEST(LaterRows, DecaysBetweenStepsAreTheProductsOfThoseBetween) {
  const Tensor decays = torch::tensor({0.5, 0.25, 0.0, 0.5}, torch::kFloat64);
  const Tensor expected = torch::tensor(
      {{1.0, 0.0, 0.0, 0.0}, {0.25, 1.0, 0.0, 0.0}, {0.0, 0.0, 1.0, 0.0}, {0.0, 0.0, 0.5, 1.0}},
      torch::kFloat64);
  EXPECT_TRUE(decay_between(decays).equal(expected));
}

std::string refusal(VariantSwitches switches) {
  return why_no_parallel_form(switches).value_or("");
}

TEST(LaterRows, TheDeltaRuleIsParallelOnlyAsAnAffineRecurrence) {
  const VariantSwitches delta = find_variant("delta").switches;
  EXPECT_EQ(refusal(delta), "");
  VariantSwitches orthogonal = delta;
  orthogonal.normalise_gradient = true;
  EXPECT_NE(refusal(orthogonal).find("orthogonalisation"), std::string::npos);
  VariantSwitches heavy = delta;
  heavy.momentum = true;
  EXPECT_NE(refusal(heavy).find("momentum"), std::string::npos);
  VariantSwitches normed = delta;
  normed.weight_norm = WeightNorm::kPre;
  EXPECT_NE(refusal(normed).find("normalised weights"), std::string::npos);
}

TEST(LaterRows, WhatAGatedRuleLacksIsNamed) {
  RandomLayer layer = later_layer("gated");
  layer.inputs.decay = layer.inputs.decay.slice(1, 0, 3);
  const Schedule schedule = update_then_apply_chunks(kTokens, 10);
  try {
    run_recurrent(layer.rule, layer.weights, layer.inputs, schedule);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("decay does not fit"), std::string::npos)
        << error.what();
  }
  layer = later_layer("0");
  layer.rule.switches.normalised_step = true;
  EXPECT_THROW(run_recurrent(layer.rule, layer.weights, layer.inputs, schedule), Error);
}

}  // namespace
}  // namespace parallax::testing
