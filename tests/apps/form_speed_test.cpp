// Speeds of the two forms: their scatter, and when one is called faster.
#include <gtest/gtest.h>

#include "apps/report/form_speed.h"

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
