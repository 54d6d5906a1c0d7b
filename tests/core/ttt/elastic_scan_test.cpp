// The elastic pull as scans and as a pass over tokens, against the steps one after the other in
// float64.
#include <gtest/gtest.h>

#include "core/ops/common/dispatch.h"
#include "core/ttt/scan/elastic_cpu.h"
#include "tests/support/kernel_cases.h"

namespace parallax::testing {
namespace {

struct DrawnSteps {
  ElasticState start;
  Tensor steps, importances;
};

DrawnSteps draw_steps(int64_t count, int64_t rows, int64_t cols) {
  torch::manual_seed(count);
  const auto draw = [&] { return torch::randn({2, rows, cols}, torch::kFloat64); };
  const Tensor steps = torch::randn({2, count, rows, cols}, torch::kFloat64);
  return {{draw(), draw(), draw().abs()}, steps, steps.abs() / 2};
}

ElasticStates one_step_after_the_other(const ElasticOptions& options,
                                       const DrawnSteps& drawn,
                                       double scale) {
  ElasticState state = drawn.start;
  std::vector<Tensor> all;
  for (int64_t i = 0; i < drawn.steps.size(1); ++i) {
    state.importance = next_importance(options, state.importance, drawn.importances.select(1, i));
    state.weights = pull_to_anchor(
        options, state.weights + scale * drawn.steps.select(1, i), state.anchor, state.importance);
    state.anchor = next_anchor(options, state.anchor, state.weights);
    all.push_back(state.weights);
  }
  return {torch::stack(all, 1), state};
}

// Neither the defaults nor equal to each other.
constexpr ElasticOptions kUnlike{.strength = 0.7,
                                 .importance_decay = 0.3,
                                 .anchor_decay = 0.8,
                                 .first_importance = 1e-3};

constexpr ElasticOptions kElasticCases[] = {
    {},
    kUnlike,
    {.strength = 0},
    {.strength = 1, .importance_decay = 0, .anchor_decay = 0},
    {.strength = 0.5, .importance_decay = 1, .anchor_decay = 1}};

// Starts with an anchor elsewhere than the weights, as in the middle of a sequence; states of more
// elements than a block, and no multiple of it.
TEST(ElasticScan, ScansAreTheStepsOneAfterTheOther) {
  const torch::NoGradGuard no_grad;
  for (const ElasticOptions& options : kElasticCases) {
    for (const auto& [count, rows, cols] :
         {std::tuple{1, 3, 5}, {2, 1, 1}, {7, 32, 16}, {70, 23, 47}}) {
      const DrawnSteps drawn = draw_steps(count, rows, cols);
      const ElasticStates expected = one_step_after_the_other(options, drawn, -0.5);
      for (const KernelPath path : {KernelPath::kReference, fused_paths().back()}) {
        const KernelPathGuard guard(path);
        const ElasticStates got =
            elastic_states(options, drawn.start, drawn.steps, drawn.importances, -0.5);
        EXPECT_LT(relative_difference(got.weights, expected.weights), 1e-12);
        EXPECT_LT(relative_difference(got.last.weights, expected.last.weights), 1e-12);
        EXPECT_LT(relative_difference(got.last.anchor, expected.last.anchor), 1e-12);
        EXPECT_LT(relative_difference(got.last.importance, expected.last.importance), 1e-12);
      }
    }
  }
}

// Chunks of a kernel's tokens: ragged ones, ones longer than its block of tokens, and queries after
// the last update; states that are no multiple of what it holds at once.
constexpr Tiling kElasticTilings[] = {
    {.applied = 9, .updating = 9, .chunk = 1, .own_updates = 1, .factor = 1},
    {.applied = 40, .updating = 33, .chunk = 5, .own_updates = 1, .factor = -1},
    {.applied = 40, .updating = 35, .chunk = 5, .own_updates = 0, .factor = 1},
    {.applied = 600, .updating = 600, .chunk = 7, .own_updates = 1, .factor = 1},
    {.applied = 700, .updating = 700, .chunk = 300, .own_updates = 0, .factor = 1}};

Tensor plain_outputs(const ElasticOptions& options,
                     const TileFeatures& in,
                     const Tiling& tiling,
                     bool squares,
                     ElasticState& state) {
  std::vector<Tensor> outputs;
  for (int64_t from = 0; from < tiling.applied; from += tiling.chunk) {
    const int64_t to = std::min(from + tiling.chunk, tiling.applied);
    const int64_t updated = std::min(to, tiling.updating);
    const auto read = [&] {
      outputs.push_back(in.queries.slice(1, from, to).matmul(state.weights));
    };
    if (tiling.own_updates == 0) {
      read();
    }
    if (from < updated) {
      const Tensor step =
          tiling.factor *
          in.keys.slice(1, from, updated).transpose(1, 2).matmul(in.values.slice(1, from, updated));
      state.importance =
          next_importance(options, state.importance, squares ? step.square() : step.abs());
      state.weights = pull_to_anchor(options, state.weights + step, state.anchor, state.importance);
      state.anchor = next_anchor(options, state.anchor, state.weights);
    }
    if (tiling.own_updates == 1) {
      read();
    }
  }
  return torch::cat(outputs, 1);
}

TEST(ElasticScan, OutputsOfTokensAreThoseOfTheSteps) {
  const torch::NoGradGuard no_grad;
  for (const Tiling& tiling : kElasticTilings) {
    for (const auto& [rows, cols] : {std::pair{23, 47}, {16, 64}, {3, 1}}) {
      torch::manual_seed(rows);
      const auto draw = [](int64_t tokens, int64_t width) {
        return torch::randn({2, tokens, width}, torch::kFloat64) / 4;
      };
      const TileFeatures features{
          draw(tiling.updating, rows), draw(tiling.updating, cols), draw(tiling.applied, rows)};
      const ElasticState start{draw(rows, cols), draw(rows, cols), draw(rows, cols).abs()};
      for (const bool squares : {true, false}) {
        ElasticState last = start;
        const Tensor expected = plain_outputs(kUnlike, features, tiling, squares, last);
        for (const KernelPath path : fused_paths()) {
          SCOPED_TRACE(kernel_path_name(path));
          const KernelPathGuard guard(path);
          ElasticState state = start;
          const Tensor got = elastic_outputs(kUnlike, features, tiling, squares, state);
          EXPECT_LT(relative_difference(got, expected), 1e-12);
          EXPECT_LT(relative_difference(state.weights, last.weights), 1e-12);
          EXPECT_LT(relative_difference(state.anchor, last.anchor), 1e-12);
          EXPECT_LT(relative_difference(state.importance, last.importance), 1e-12);
        }
      }
    }
  }
}

TEST(ElasticScan, GradientsOfTheScansAreThoseOfTheSteps) {
  for (const ElasticOptions& options : kElasticCases) {
    const DrawnSteps drawn = draw_steps(13, 3, 4);
    const Tensor probe = torch::randn_like(drawn.steps);
    const auto gradients = [&](bool scans) {
      DrawnSteps leaves = drawn;
      std::vector<Tensor*> all = {&leaves.start.weights,
                                  &leaves.start.anchor,
                                  &leaves.start.importance,
                                  &leaves.steps,
                                  &leaves.importances};
      for (Tensor* leaf : all) {
        *leaf = leaf->clone().requires_grad_(true);
      }
      const ElasticStates states =
          scans ? elastic_states(options, leaves.start, leaves.steps, leaves.importances, 1)
                : one_step_after_the_other(options, leaves, 1);
      ((states.weights * probe).sum() + states.last.anchor.sum() +
       states.last.importance.square().sum())
          .backward();
      std::vector<Tensor> result;
      for (Tensor* leaf : all) {
        result.push_back(leaf->grad());
      }
      return result;
    };
    const std::vector<Tensor> got = gradients(true);
    const std::vector<Tensor> expected = gradients(false);
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_LT((got[i] - expected[i]).abs().max().item<double>(),
                1e-10 * (1 + expected[i].abs().max().item<double>()));
    }
  }
}

// While λ F ≤ 1 every state is an average of the start and of weights with steps added: it never
// leaves what row 2's largest excursion bounds, however many the steps.
TEST(ElasticScan, ManyStepsStayBounded) {
  const torch::NoGradGuard no_grad;
  const DrawnSteps drawn = draw_steps(4000, 2, 2);
  const Tensor steps = drawn.steps.clamp(-1, 1);
  const ElasticStates states =
      elastic_states({},
                     {drawn.start.anchor, drawn.start.anchor, 0 * drawn.start.importance},
                     steps,
                     steps.square(),
                     1);
  const Tensor bound = drawn.start.anchor.abs().unsqueeze(1) + steps.abs().cumsum(1);
  EXPECT_TRUE((states.weights.abs() <= bound).all().item<bool>());
}

}  // namespace
}  // namespace parallax::testing
