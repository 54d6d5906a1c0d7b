// The TTT operator against independent forms: recurrent against parallel, quadratic and
// linear-attention forms in float64, gradients against finite differences.
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/ops/common/dispatch.h"
#include "core/ttt/parallel.h"
#include "core/ttt/views/linear_attention_view.h"
#include "core/ttt/views/masked_quadratic.h"
#include "tests/support/kernel_cases.h"
#include "tests/support/random_layer.h"

namespace parallax {
namespace {

using testing::relative_difference;

constexpr int64_t kBatch = 3;
constexpr int64_t kWidth = 6;

using Problem = testing::RandomLayer;

Problem make_problem(const VariantSwitches& switches,
                     int64_t tokens,
                     bool with_momentum,
                     torch::Dtype dtype = torch::kFloat64) {
  Problem problem = testing::random_layer(switches,
                                          {.heads = kBatch,
                                           .width = kWidth,
                                           .hidden = 2 * kWidth,
                                           .tokens = tokens,
                                           .weight_scale = 0.6,
                                           .has_momentum = with_momentum},
                                          7);
  problem.rule.newton_schulz.steps = 3;
  return problem.to(dtype);
}

// Schedules of 1, 2 and 7 chunks, the last one ragged, in every order of update and apply.
std::vector<Schedule> schedules_with(int64_t tokens, int64_t chunk) {
  return {update_then_apply_chunks(tokens, chunk),
          apply_then_update_chunks(tokens, chunk),
          language_model_chunks(tokens, chunk),
          {{0, tokens / 2, true, false},
           {0, tokens, false, true},
           {1, 4, true, false},
           {2, tokens, true, true},
           {0, 3, false, true}}};
}

struct ChunkCase {
  int64_t tokens;
  int64_t chunk;
};

// 1 chunk, 2 chunks (ragged), 7 chunks (ragged).
constexpr ChunkCase kChunkCases[] = {{11, 11}, {11, 7}, {20, 3}};

class EveryVariant : public ::testing::TestWithParam<Variant> {};

INSTANTIATE_TEST_SUITE_P(TttLayer,
                         EveryVariant,
                         ::testing::ValuesIn(kVariants),
                         [](const ::testing::TestParamInfo<Variant>& info) {
                           std::string name = "Variant_" + std::string(info.param.name);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

void expect_forms_agree(const Problem& p, const Schedule& schedule) {
  const TttResult recurrent = run_recurrent(p.rule, p.weights, p.inputs, schedule);
  const TttResult parallel = run_parallel(p.rule, p.weights, p.inputs, schedule);
  EXPECT_LT(relative_difference(parallel.output, recurrent.output), 1e-10);
  EXPECT_LT(relative_difference(parallel.state.weights.w1, recurrent.state.weights.w1), 1e-10);
  if (recurrent.state.velocity.w1.defined()) {
    EXPECT_LT(relative_difference(parallel.state.velocity.w1, recurrent.state.velocity.w1), 1e-10);
  }
  if (recurrent.state.anchor.w1.defined()) {
    EXPECT_LT(relative_difference(parallel.state.anchor.w1, recurrent.state.anchor.w1), 1e-10);
  }
}

TEST_P(EveryVariant, ParallelMatchesRecurrent) {
  for (const ChunkCase& c : kChunkCases) {
    for (const bool with_momentum : {false, true}) {
      for (const int inner_steps : {1, 3}) {
        Problem p = make_problem(GetParam().switches, c.tokens, with_momentum);
        p.rule.switches.inner_steps = inner_steps;
        for (const Schedule& schedule : schedules_with(c.tokens, c.chunk)) {
          if (const auto reason = why_no_parallel_form(p.rule.switches, schedule)) {
            EXPECT_THROW(run_parallel(p.rule, p.weights, p.inputs, schedule), UsageError);
            continue;
          }
          expect_forms_agree(p, schedule);
        }
      }
    }
  }
}

// Enough tokens for the parallel form to take several segments, with states and momentum between.
TEST_P(EveryVariant, SegmentsOfTheParallelFormMatchRecurrent) {
  const Problem p = make_problem(GetParam().switches, 9000, true);
  for (const Schedule& schedule : schedules_with(9000, 1700)) {
    if (why_no_parallel_form(p.rule.switches, schedule)) {
      continue;
    }
    expect_forms_agree(p, schedule);
  }
}

TEST_P(EveryVariant, TokensInBlocksEqualTheWholeRange) {
  const Problem p = make_problem(GetParam().switches, 13, true);
  const Schedule schedule = update_then_apply_all(9, 13);
  const Tensor whole = run_parallel(p.rule, p.weights, p.inputs, schedule).output;
  for (const int64_t block : {1, 4, 9, 100}) {
    const Tensor blocks =
        run_recurrent(p.rule, p.weights, p.inputs, schedule, {.token_block = block}).output;
    EXPECT_LT(relative_difference(blocks, whole), 1e-10);
  }
}

TEST_P(EveryVariant, LinearAttentionViewGivesTheSameOutput) {
  for (const ChunkCase& c : kChunkCases) {
    for (const bool with_momentum : {false, true}) {
      for (const WeightNorm norm : {GetParam().switches.weight_norm, WeightNorm::kPre}) {
        for (const int inner_steps : {1, 2}) {
          Problem p = make_problem(GetParam().switches, c.tokens, with_momentum);
          p.rule.switches.weight_norm = norm;
          p.rule.switches.inner_steps = inner_steps;
          for (const Schedule& schedule : schedules_with(c.tokens, c.chunk)) {
            const Tensor expected = run_recurrent(p.rule, p.weights, p.inputs, schedule).output;
            std::vector<Tensor> outputs;
            for (const LinearAttentionView& view :
                 linear_attention_views(p.rule, p.weights, p.inputs, schedule)) {
              outputs.push_back(view.output());
            }
            EXPECT_LT(relative_difference(torch::cat(outputs, 1), expected), 1e-10);
          }
        }
      }
    }
  }
}

// The directional derivative by central differences, against autograd, for every input at once.
double gradient_error(const Problem& problem,
                      const std::function<Tensor(const Problem&)>& run,
                      uint64_t seed) {
  Problem p = problem;
  std::vector<Tensor*> leaves = {&p.weights.w0,
                                 &p.weights.w1,
                                 &p.weights.w2,
                                 &p.inputs.q,
                                 &p.inputs.k,
                                 &p.inputs.v,
                                 &p.inputs.lr0,
                                 &p.inputs.lr1,
                                 &p.inputs.lr2,
                                 &p.inputs.momentum};
  if (p.inputs.decay.defined()) {
    leaves.push_back(&p.inputs.decay);
  }
  torch::manual_seed(seed);
  std::vector<Tensor> directions;
  std::vector<Tensor> values;
  for (Tensor* leaf : leaves) {
    directions.push_back(torch::randn_like(*leaf));
    values.push_back(leaf->clone());
    *leaf = leaf->clone().requires_grad_(true);
  }
  const Tensor output = run(p);
  const Tensor probe = torch::randn_like(output);
  (output * probe).sum().backward();
  double analytic = 0;
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i]->grad().defined()) {
      analytic += (leaves[i]->grad() * directions[i]).sum().item<double>();
    }
  }
  torch::NoGradGuard no_grad;
  const double h = 1e-6;
  const auto at = [&](double step) {
    for (size_t i = 0; i < leaves.size(); ++i) {
      *leaves[i] = values[i] + step * directions[i];
    }
    return (run(p) * probe).sum().item<double>();
  };
  const double numeric = (at(h) - at(-h)) / (2 * h);
  return std::abs(analytic - numeric) / std::max(1.0, std::abs(numeric));
}

TEST_P(EveryVariant, GradientsMatchFiniteDifferences) {
  for (const ChunkCase& c : kChunkCases) {
    const Problem p = make_problem(GetParam().switches, c.tokens, true);
    const Schedule schedule = apply_then_update_chunks(c.tokens, c.chunk);
    Schedule with_last = schedule;
    with_last.push_back({0, c.tokens, false, true});
    for (const uint64_t seed : {1U, 2U}) {
      // Central differences at h = 1e-6 in float64 are good to about 1e-9 of the derivative.
      EXPECT_LT(gradient_error(
                    p,
                    [&](const Problem& x) {
                      return run_recurrent(x.rule, x.weights, x.inputs, with_last).output;
                    },
                    seed),
                1e-6);
      if (!why_no_parallel_form(p.rule.switches, with_last)) {
        EXPECT_LT(gradient_error(
                      p,
                      [&](const Problem& x) {
                        return run_parallel(x.rule, x.weights, x.inputs, with_last).output;
                      },
                      seed),
                  1e-6);
      }
    }
  }
}

TEST_P(EveryVariant, RunsInFloat32AndBfloat16CloseToFloat64) {
  const Problem reference = make_problem(GetParam().switches, 20, true);
  const Schedule schedule = update_then_apply_all(20, 20);
  const Tensor expected =
      run_recurrent(reference.rule, reference.weights, reference.inputs, schedule).output;
  const auto as = [&](torch::Dtype inputs_dtype, torch::Dtype weights_dtype) {
    Problem p = reference;
    for (Tensor* t : {&p.inputs.q,
                      &p.inputs.k,
                      &p.inputs.v,
                      &p.inputs.lr0,
                      &p.inputs.lr1,
                      &p.inputs.lr2,
                      &p.inputs.momentum,
                      &p.inputs.decay}) {
      *t = t->defined() ? t->to(inputs_dtype) : *t;
    }
    for (Tensor* t : {&p.weights.w0, &p.weights.w1, &p.weights.w2}) {
      *t = t->to(weights_dtype);
    }
    const Tensor output = run_recurrent(p.rule, p.weights, p.inputs, schedule).output;
    EXPECT_EQ(output.scalar_type(), inputs_dtype);
    return relative_difference(output.to(torch::kFloat64), expected);
  };
  EXPECT_LT(as(torch::kFloat32, torch::kFloat32), 1e-5);
  // bfloat16 keeps 8 bits, and there are a few roundings in a row.
  EXPECT_LT(as(torch::kBFloat16, torch::kFloat32), 0.06);
  EXPECT_LT(as(torch::kBFloat16, torch::kBFloat16), 0.12);
}

TEST(TttLayer, MaskedQuadraticFormAgreesWhereItExists) {
  VariantSwitches raw = find_variant("6").switches;
  VariantSwitches raw_swiglu = raw;
  raw_swiglu.feature_map = FeatureMap::kSwiGlu;
  raw_swiglu.per_token_rate = true;
  raw_swiglu.momentum = true;
  VariantSwitches ascent = raw_swiglu;
  ascent.direction = Direction::kAscent;
  ascent.inner_steps = 2;
  VariantSwitches gated = raw_swiglu;
  gated.decay = Decay::kToken;
  gated.inner_steps = 2;
  for (const VariantSwitches& switches : {raw, raw_swiglu, ascent, gated}) {
    for (const ChunkCase& c : kChunkCases) {
      const Problem p = make_problem(switches, c.tokens, true);
      for (const Schedule& schedule : schedules_with(c.tokens, c.chunk)) {
        EXPECT_LT(relative_difference(run_masked_quadratic(p.rule, p.weights, p.inputs, schedule),
                                      run_recurrent(p.rule, p.weights, p.inputs, schedule).output),
                  1e-10);
      }
    }
  }
  const Problem p = make_problem(find_variant("2").switches, 8, false);
  EXPECT_THROW(run_masked_quadratic(p.rule, p.weights, p.inputs, update_then_apply_all(8, 8)),
               UsageError);
}

// The operator's gradient, derived by hand in the code, against autograd of the inner loss.
TEST(TttLayer, InnerGradientIsTheLossGradient) {
  for (const InnerLoss loss : {InnerLoss::kDotProduct, InnerLoss::kMse}) {
    VariantSwitches switches;
    switches.loss = loss;
    switches.per_token_rate = false;
    const Problem p = make_problem(switches, 9, false);
    FastWeights leaves = p.weights;
    for (Tensor* w : {&leaves.w0, &leaves.w1, &leaves.w2}) {
      *w = w->clone().requires_grad_(true);
    }
    const Tensor f = apply_fast_weights(switches, p.inputs.k, leaves);
    const Tensor value =
        loss == InnerLoss::kMse ? 0.5 * (f - p.inputs.v).square().sum() : -(f * p.inputs.v).sum();
    value.backward();
    const FastWeights step = range_gradient(p.rule, p.weights, p.inputs, 0, 9);
    EXPECT_LT(relative_difference(step.w0, -leaves.w0.grad()), 1e-12);
    EXPECT_LT(relative_difference(step.w1, -leaves.w1.grad()), 1e-12);
    EXPECT_LT(relative_difference(step.w2, -leaves.w2.grad()), 1e-12);
  }
}

TEST(TttLayer, PreNormParallelMatchesRecurrent) {
  VariantSwitches switches = find_variant("1").switches;
  switches.weight_norm = WeightNorm::kPre;
  const Problem p = make_problem(switches, 20, true);
  const Schedule schedule = language_model_chunks(20, 3);
  EXPECT_LT(relative_difference(run_parallel(p.rule, p.weights, p.inputs, schedule).output,
                                run_recurrent(p.rule, p.weights, p.inputs, schedule).output),
            1e-10);
}

// For small chunks the parallel form uses its own tiles: several of them, ragged, in every order of
// update and apply.
TEST(TttLayer, TilesOfSmallChunksMatchRecurrent) {
  VariantSwitches raw_swiglu = find_variant("2").switches;
  raw_swiglu.normalise_gradient = false;
  VariantSwitches ascent = raw_swiglu;
  ascent.direction = Direction::kAscent;
  ascent.inner_steps = 3;
  VariantSwitches delta_ascent = find_variant("gated-delta").switches;
  delta_ascent.direction = Direction::kAscent;
  for (const VariantSwitches& switches : {find_variant("6").switches,
                                          raw_swiglu,
                                          ascent,
                                          find_variant("gated").switches,
                                          find_variant("delta").switches,
                                          find_variant("gated-delta").switches,
                                          find_variant("nlms").switches,
                                          delta_ascent}) {
    for (const ChunkCase& c : {ChunkCase{300, 1}, {300, 3}, {257, 16}, {256, 64}, {40, 50}}) {
      const Problem p = make_problem(switches, c.tokens, false);
      for (const Schedule& schedule : {update_then_apply_chunks(c.tokens, c.chunk),
                                       apply_then_update_chunks(c.tokens, c.chunk),
                                       language_model_chunks(c.tokens, c.chunk)}) {
        const TttResult recurrent = run_recurrent(p.rule, p.weights, p.inputs, schedule);
        for (const KernelPath path : {KernelPath::kReference, KernelPath::kPortable}) {
          const KernelPathGuard guard(path);
          const Tensor before = p.weights.w1.clone();
          const TttResult parallel = run_parallel(p.rule, p.weights, p.inputs, schedule);
          EXPECT_LT(relative_difference(parallel.output, recurrent.output), 1e-10) << c.chunk;
          EXPECT_LT(relative_difference(parallel.state.weights.w1, recurrent.state.weights.w1),
                    1e-10);
          EXPECT_LT(relative_difference(parallel.state.main.w1, recurrent.state.main.w1), 1e-10);
          EXPECT_TRUE(before.equal(p.weights.w1));  // the caller's weights are unchanged
        }
      }
    }
  }
}

TEST(TttLayer, StateCarriesASequenceOverCalls) {
  for (const std::string_view name :
       {"0", "1", "2", "6", "gated-full", "gated-delta", "elastic", "elastic-published"}) {
    const Problem p = make_problem(find_variant(name).switches, 20, true);
    const Schedule schedule = update_then_apply_chunks(20, 5);
    const TttResult whole = run_recurrent(p.rule, p.weights, p.inputs, schedule);
    InnerState state = start_state(p.rule, p.weights);
    std::vector<Tensor> outputs;
    for (const ScheduleStep& step : schedule) {
      const TttResult part = run_recurrent(p.rule, state, p.inputs, {step});
      outputs.push_back(part.output);
      state = part.state;
    }
    EXPECT_LT(relative_difference(torch::cat(outputs, 1), whole.output), 1e-12);
    if (!why_no_parallel_form(p.rule.switches)) {
      const Schedule rest(schedule.begin() + 2, schedule.end());
      const TttResult head = run_recurrent(
          p.rule, p.weights, p.inputs, Schedule(schedule.begin(), schedule.begin() + 2));
      const TttResult tail = run_parallel(p.rule, head.state, p.inputs, rest);
      EXPECT_LT(relative_difference(tail.state.weights.w1, whole.state.weights.w1), 1e-10);
    }
  }
}

TEST(TttLayer, RefusalNamesTheSwitch) {
  const Schedule schedule = update_then_apply_chunks(8, 4);
  const auto message = [&](std::string_view variant) -> std::string {
    const Problem p = make_problem(find_variant(variant).switches, 8, false);
    try {
      run_parallel(p.rule, p.weights, p.inputs, schedule);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message("0").find("W0 and W2 are updated"), std::string::npos);
  EXPECT_NE(message("1").find("weight normalisation"), std::string::npos);
  EXPECT_EQ(message("2"), "");
}

TEST(TttLayer, WrongShapesAreNamed) {
  Problem p = make_problem(find_variant("0").switches, 8, false);
  p.inputs.v = p.inputs.v.slice(1, 0, 7);
  EXPECT_THROW(run_recurrent(p.rule, p.weights, p.inputs, update_then_apply_all(8, 8)), Error);
  p = make_problem(find_variant("0").switches, 8, false);
  EXPECT_THROW(run_recurrent(p.rule, p.weights, p.inputs, {{0, 9, true, true}}), Error);
  EXPECT_THROW(run_recurrent(p.rule, p.weights, p.inputs, {{3, 3, true, true}}), Error);
  EXPECT_THROW(find_variant("7"), UsageError);
}

TEST(VariantTable, RowsAreTheChainOfTable2) {
  for (int i = 0; i <= 6; ++i) {
    EXPECT_EQ(kVariants[i].number, i);
    EXPECT_EQ(find_variant(std::to_string(i)).number, i);
    EXPECT_EQ(why_no_parallel_form(kVariants[i].switches).has_value(), i < 2);
  }
}

}  // namespace
}  // namespace parallax
