// Decays per channel: forms, tiles, kernels and gradients against loops over updates.
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/ops/common/dispatch.h"
#include "core/ttt/parallel.h"
#include "core/ttt/scan/tile_products.h"
#include "core/ttt/views/linear_attention_view.h"
#include "core/ttt/views/masked_quadratic.h"
#include "tests/support/kernel_cases.h"
#include "tests/support/random_layer.h"

namespace parallax::testing {
namespace {

RandomLayer channel_layer(const VariantSwitches& switches,
                          int64_t tokens,
                          bool momentum = false,
                          int64_t width = 24) {
  return random_layer(switches,
                      {.heads = 2,
                       .width = width,
                       .hidden = 40,
                       .tokens = tokens,
                       .weight_scale = 0.4,
                       .has_momentum = momentum},
                      11);
}

VariantSwitches with_channels(std::string_view variant) {
  VariantSwitches switches = find_variant(variant).switches;
  switches.decay = Decay::kChannel;
  return switches;
}

struct LoopResult {
  Tensor output;
  Tensor state;
};

// A step per range as its formula has it; the mean of the range's decays acts once.
LoopResult loop(const RandomLayer& layer, const Schedule& schedule) {
  const TttInputs& in = layer.inputs;
  const bool is_delta = layer.rule.switches.loss == InnerLoss::kMse;
  Tensor state = layer.weights.w1;
  std::vector<Tensor> outputs;
  for (const ScheduleStep& step : schedule) {
    const auto of_range = [&](const Tensor& x) { return x.slice(1, step.start, step.end); };
    if (step.update) {
      state = of_range(in.decay).mean(1).unsqueeze(2) * state;
      const Tensor keys = of_range(in.k);
      Tensor values = of_range(in.v);
      if (is_delta) {
        values = of_range(in.lr1) * (values - keys.matmul(state));
      }
      state = state + keys.transpose(1, 2).matmul(values);
    }
    if (step.apply) {
      outputs.push_back(of_range(in.q).matmul(state));
    }
  }
  return {torch::cat(outputs, 1), state};
}

void expect_same(const TttResult& result, const LoopResult& expected, double tolerance) {
  EXPECT_LT(relative_difference(result.output.to(torch::kFloat64), expected.output), tolerance);
  EXPECT_LT(relative_difference(result.state.weights.w1.to(torch::kFloat64), expected.state),
            tolerance);
  EXPECT_TRUE(result.state.main.w1.equal(result.state.weights.w1));
}

// Chunks below and above the kernel's, ragged ones, both orders, widths that fill registers and
// some that do not.
TEST(ChannelDecay, FormsAreTheLoopOverUpdates) {
  const torch::NoGradGuard no_grad;
  for (const char* variant : {"gla", "kda"}) {
    for (const int64_t width : {24, 37, 80}) {
      const RandomLayer layer = channel_layer(find_variant(variant).switches, 150, false, width);
      const RandomLayer narrow = layer.to(torch::kFloat32);
      for (const int64_t chunk : {1, 3, 16, 40, 64, 70}) {
        for (const Schedule& schedule :
             {update_then_apply_chunks(150, chunk), language_model_chunks(150, chunk)}) {
          SCOPED_TRACE(::testing::Message() << variant << ' ' << width << ' ' << chunk);
          const LoopResult expected = loop(layer, schedule);
          expect_same(
              run_recurrent(layer.rule, layer.weights, layer.inputs, schedule), expected, 1e-12);
          for (const KernelPath path : fused_paths()) {
            const KernelPathGuard guard(path);
            expect_same(
                run_parallel(layer.rule, layer.weights, layer.inputs, schedule), expected, 1e-12);
            expect_same(
                run_parallel(narrow.rule, narrow.weights, narrow.inputs, schedule), expected, 2e-5);
          }
          const KernelPathGuard guard(KernelPath::kReference);
          expect_same(
              run_parallel(layer.rule, layer.weights, layer.inputs, schedule), expected, 1e-12);
        }
      }
    }
  }
}

TEST(ChannelDecay, GradientsOfBothFormsAreThoseOfTheLoop) {
  for (const char* variant : {"gla", "kda"}) {
    for (const int64_t chunk : {1, 5, 20}) {
      SCOPED_TRACE(::testing::Message() << variant << ' ' << chunk);
      RandomLayer layer = channel_layer(find_variant(variant).switches, 45);
      std::vector<Tensor> leaves = {
          layer.weights.w1, layer.inputs.q, layer.inputs.k, layer.inputs.v, layer.inputs.decay};
      if (layer.rule.switches.per_token_rate) {
        leaves.push_back(layer.inputs.lr1);
      }
      for (Tensor& leaf : leaves) {
        leaf.requires_grad_();
      }
      const Schedule schedule = update_then_apply_chunks(45, chunk);
      const auto gradients = [&](const Tensor& output) {
        return torch::autograd::grad({output.square().sum()}, leaves);
      };
      const auto expected = gradients(loop(layer, schedule).output);
      for (const Tensor& output :
           {run_recurrent(layer.rule, layer.weights, layer.inputs, schedule).output,
            run_parallel(layer.rule, layer.weights, layer.inputs, schedule).output}) {
        const auto got = gradients(output);
        for (size_t i = 0; i < leaves.size(); ++i) {
          EXPECT_LT(relative_difference(got[i], expected[i]), 1e-10) << i;
        }
      }
    }
  }
}

// Orthogonal steps with momentum on a gated layer's W1, whose rows decay.
TEST(ChannelDecay, ScalesTheRowsOfAnyStatesThatASumLeads) {
  const torch::NoGradGuard no_grad;
  for (const bool momentum : {false, true}) {
    const RandomLayer layer = channel_layer(with_channels("2"), 120, momentum);
    UpdateRule plain = layer.rule;
    plain.switches.decay = Decay::kNone;
    const Schedule schedule = update_then_apply_chunks(120, 30);
    InnerState state = start_state(plain, layer.weights);
    std::vector<Tensor> outputs;
    for (const ScheduleStep& step : schedule) {
      const Tensor decays = layer.inputs.decay.slice(1, step.start, step.end).mean(1).unsqueeze(2);
      state.weights.w1 = state.main.w1 = state.weights.w1 * decays;
      const TttResult part = run_recurrent(plain, state, layer.inputs, {step});
      state = part.state;
      outputs.push_back(part.output);
    }
    const LoopResult expected{torch::cat(outputs, 1), state.weights.w1};
    expect_same(run_recurrent(layer.rule, layer.weights, layer.inputs, schedule), expected, 1e-10);
    expect_same(run_parallel(layer.rule, layer.weights, layer.inputs, schedule), expected, 1e-10);
  }
}

TEST(ChannelDecay, SeveralInnerStepsDecaySeveralTimes) {
  const torch::NoGradGuard no_grad;
  for (const char* variant : {"gla", "kda"}) {
    VariantSwitches switches = find_variant(variant).switches;
    switches.inner_steps = 3;
    const RandomLayer layer = channel_layer(switches, 60);
    Schedule repeated;
    for (const ScheduleStep& step : update_then_apply_chunks(60, 12)) {
      repeated.push_back({step.start, step.end, true, false});
      repeated.push_back({step.start, step.end, true, false});
      repeated.push_back(step);
    }
    const LoopResult expected = loop(layer, repeated);
    const Schedule schedule = update_then_apply_chunks(60, 12);
    expect_same(run_recurrent(layer.rule, layer.weights, layer.inputs, schedule), expected, 1e-12);
    expect_same(run_parallel(layer.rule, layer.weights, layer.inputs, schedule), expected, 1e-12);
  }
}

// Entry by entry, for decays of the whole state and of its channels.
TEST(ChannelDecay, TileProductsAreSumsOverChannelsOfDecayedProducts) {
  torch::manual_seed(4);
  const int64_t updates = 4;
  const int64_t chunk = 2;
  const int64_t tokens = updates * chunk;
  const int64_t width = 3;
  const Tensor queries = torch::randn({1, 1, tokens, width}, torch::kFloat64);
  const Tensor keys = torch::randn({1, 1, tokens, width}, torch::kFloat64);
  for (const int64_t channels : {int64_t{1}, width}) {
    const Tensor decays = torch::rand({1, 1, updates, channels}, torch::kFloat64);
    // What is left in channel c of the update `from` (−1: of the state before) after update `to`.
    const auto left = [&](int64_t from, int64_t to, int64_t c) {
      double product = 1;
      for (int64_t s = from + 1; s <= to; ++s) {
        product *= decays[0][0][s][c % channels].item<double>();
      }
      return product;
    };
    for (const OwnUpdate own : {OwnUpdate::kUnseen, OwnUpdate::kDecay, OwnUpdate::kSeen}) {
      const TileProducts got = tile_products(queries, keys, decays, chunk, own);
      Tensor scores = torch::zeros({tokens, tokens}, torch::kFloat64);
      Tensor held = torch::zeros({tokens, width}, torch::kFloat64);
      Tensor of_state = torch::zeros({tokens, width}, torch::kFloat64);
      for (int64_t i = 0; i < tokens; ++i) {
        const int64_t last_decay = i / chunk - (own == OwnUpdate::kUnseen ? 1 : 0);
        const int64_t last_seen = i / chunk - (own == OwnUpdate::kSeen ? 0 : 1);
        for (int64_t c = 0; c < width; ++c) {
          of_state[i][c] = left(-1, last_decay, c);
          held[i][c] = keys[0][0][i][c] * left(i / chunk, updates - 1, c);
          for (int64_t j = 0; j < tokens && j / chunk <= last_seen; ++j) {
            scores[i][j] += queries[0][0][i][c] * keys[0][0][j][c] * left(j / chunk, last_decay, c);
          }
        }
      }
      EXPECT_LT(relative_difference(got.scores[0][0], scores), 1e-14);
      EXPECT_LT(relative_difference(got.held_keys[0][0], held), 1e-14);
      EXPECT_LT(relative_difference(got.of_state[0][0].expand({tokens, width}), of_state), 1e-14);
    }
  }
}

TEST(ChannelDecay, MaskedQuadraticFormAndViewAgree) {
  const torch::NoGradGuard no_grad;
  const RandomLayer layer = channel_layer(find_variant("gla").switches, 50);
  const Schedule schedule = update_then_apply_chunks(50, 7);
  const LoopResult expected = loop(layer, schedule);
  EXPECT_LT(
      relative_difference(run_masked_quadratic(layer.rule, layer.weights, layer.inputs, schedule),
                          expected.output),
      1e-12);
  for (const char* variant : {"gla", "kda"}) {
    const RandomLayer each = channel_layer(find_variant(variant).switches, 50);
    std::vector<Tensor> outputs;
    for (const LinearAttentionView& view :
         linear_attention_views(each.rule, each.weights, each.inputs, schedule)) {
      outputs.push_back(view.output());
    }
    EXPECT_LT(relative_difference(torch::cat(outputs, 1), loop(each, schedule).output), 1e-12);
  }
}

TEST(ChannelDecay, WhatDoesNotGoTogetherIsRefused) {
  const Schedule schedule = update_then_apply_chunks(20, 5);
  RandomLayer layer = channel_layer(find_variant("kda").switches, 20);
  layer.inputs.decay = layer.inputs.decay.slice(2, 0, 1);  // a gate per head
  EXPECT_THROW(run_parallel(layer.rule, layer.weights, layer.inputs, schedule), Error);
  layer = channel_layer(with_channels("0"), 20);
  EXPECT_THROW(run_recurrent(layer.rule, layer.weights, layer.inputs, schedule), Error);
  layer = channel_layer(with_channels("2"), 20, true);
  EXPECT_THROW(linear_attention_views(layer.rule, layer.weights, layer.inputs, schedule),
               UsageError);
}

}  // namespace
}  // namespace parallax::testing
