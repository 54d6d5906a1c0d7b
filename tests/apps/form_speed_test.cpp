// Speeds of the two forms: their scatter, and when one is called faster.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "apps/report/form_speed.h"
#include "vision/metrics/statistics.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax::testing {
namespace {

TEST(FormSpeed, SpreadIsTheMiddleHalf) {
  const Spread spread = spread_of({5, 1, 4, 2, 3});
  EXPECT_EQ(spread.median, 3);
  EXPECT_EQ(spread.low, 2);
  EXPECT_EQ(spread.high, 4);
  EXPECT_EQ(spread_of({7}).low, 7);
  EXPECT_EQ(format_spread({.median = 0.0806, .low = 0.0800, .high = 0.0824}, 1e-3), "80.6 ± 1.2");
  EXPECT_EQ(format_spread({.median = 0.0088, .low = 0.0087, .high = 0.0089}, 1e-3), "8.80 ± 0.10");
}

TEST(FormSpeed, OneFormIsFasterOnlyWhereTheRoundsSaySo) {
  EXPECT_EQ(compare_rounds({2, 2.2, 2.4}, {1, 1.1, 1.2}, "recurrent", "parallel"),
            "parallel 2.00 times as fast, 3 rounds");
  EXPECT_EQ(compare_rounds({1, 1.1, 1.2}, {2, 2.2, 2.4}, "recurrent", "parallel"),
            "recurrent 2.00 times as fast, 3 rounds");
  EXPECT_EQ(compare_rounds({2, 2.2, 1.0}, {1, 1.1, 1.2}, "recurrent", "parallel"),
            "equal within the scatter of 3 rounds");
  // Other work that slows a round slows both of its sides.
  EXPECT_EQ(compare_rounds({1, 7.1, 1.0}, {1.01, 7.0, 1.02}, "recurrent", "parallel"),
            "equal within the scatter of 3 rounds");
  // As of forms that take the same time, the second of which ran on warm caches once.
  EXPECT_EQ(compare_rounds({1.02, 1.01, 1.03}, {1.0, 1.01, 0.9}, "recurrent", "parallel"),
            "equal within the scatter of 3 rounds");
  EXPECT_EQ(certain_ratio({1.02, 1.01, 1.03}, {1.0, 1.01, 0.9}), 1);
  EXPECT_NEAR(certain_ratio({2, 2.2, 2.4}, {1, 1.1, 1.2}), 2, 1e-12);
  // Two rounds that agree are no proof.
  EXPECT_EQ(compare_rounds({2, 2}, {1, 1}, "recurrent", "parallel"),
            "equal within the scatter of 2 rounds");
}

// The mean of the logarithm of recurrent over parallel seconds, round by round.
Estimate recurrent_over_parallel(const std::vector<FormSpeed>& speeds) {
  const bool recurrent_first = speeds[0].form == Form::kRecurrent;
  std::vector<double> recurrent = speeds[recurrent_first ? 0 : 1].reconstruct_seconds;
  std::vector<double> parallel = speeds[recurrent_first ? 1 : 0].reconstruct_seconds;
  for (size_t i = 0; i < recurrent.size(); ++i) {
    recurrent[i] = std::log(recurrent[i]);
    parallel[i] = std::log(parallel[i]);
  }
  return estimate_difference(recurrent, parallel);
}

// Whichever is timed first, the ratio is the same within its scatter.
TEST(FormSpeed, OrderOfFormsDoesNotMatter) {
  const NvsModel model = load_nvs_model("nvs-v6");
  const Scene scene =
      load_scene(std::string(PARALLAX_SOURCE_DIR) + "/assets/scenes/procedural_a", {});
  PrepareOptions options;
  options.input_views = "2";
  options.target_views = "1";
  const PreparedScene prepared = prepare_scene(scene, model, options);
  std::vector<FormEvaluation> evaluations;
  for (const Form form : {Form::kRecurrent, Form::kParallel}) {
    evaluations.push_back(evaluate_form(model, prepared, form, {}));
  }
  constexpr int kRounds = 9;
  const Estimate one =
      recurrent_over_parallel(time_forms(model, prepared, evaluations, {}, kRounds));
  std::reverse(evaluations.begin(), evaluations.end());
  const Estimate other =
      recurrent_over_parallel(time_forms(model, prepared, evaluations, {}, kRounds));
  EXPECT_EQ(one.count, static_cast<size_t>(kRounds));
  constexpr double kErrors = 5;  // the scatter of a machine has long tails
  EXPECT_LE(std::abs(one.mean - other.mean),
            0.05 + kErrors * std::hypot(one.standard_error, other.standard_error));
}

TEST(FormSpeed, MediansReplaceTheFirstRun) {
  std::vector<FormEvaluation> evaluations(1);
  evaluations[0].reconstruct_seconds = 9;
  evaluations[0].render_seconds = 9;
  evaluations[0].views.resize(4);
  adopt_medians(
      {{.form = Form::kParallel, .reconstruct_seconds = {1, 3, 2}, .view_seconds = {0.5}}},
      evaluations);
  EXPECT_EQ(evaluations[0].reconstruct_seconds, 2);
  EXPECT_EQ(evaluations[0].seconds_per_view(), 0.5);
}

}  // namespace
}  // namespace parallax::testing
