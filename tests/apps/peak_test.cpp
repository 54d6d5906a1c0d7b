// Shares of measured peaks, and what is said of those that cannot be.
#include "apps/report/peak.h"

#include <gmock/gmock.h>

namespace parallax::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kWarning = "peak not credible";

Speed speed_of(double of_work, double of_instructions, double of_libtorch) {
  return {.of_work = of_work,
          .of_instructions = of_instructions,
          .of_libtorch = of_libtorch,
          .instructions = "float32 multiply-adds"};
}

TEST(Shares, AreOfBothPeaks) {
  const Speed speed = speed_of(120e9, 160e9, 96e9);
  EXPECT_TRUE(speed.is_credible());
  EXPECT_THAT(speed_cells(&speed), ElementsAre("120.0", "75 %", "125 %"));
  EXPECT_EQ(speed_cells(&speed).size(), speed_headings().size());
  const std::string text = describe_peaks({speed});
  EXPECT_THAT(text, HasSubstr("160.0 GFLOP/s, the fastest bursts of float32 multiply-adds"));
  EXPECT_THAT(text, HasSubstr("96.0 GFLOP/s in the middle, 60 % of instructions"));
  EXPECT_THAT(text, Not(HasSubstr(kWarning)));
}

TEST(Shares, WorkAboveTheInstructionsIsNotCredible) {
  const Speed speed = speed_of(161e9, 160e9, 96e9);
  EXPECT_FALSE(speed.is_credible());
  EXPECT_EQ(speed_cells(&speed).at(1), "101 % (!)");
  EXPECT_THAT(describe_peaks({speed_of(1e9, 160e9, 96e9), speed}), HasSubstr(kWarning));
  EXPECT_EQ(speed_json(speed).at("peak_is_credible"), false);
}

TEST(Shares, ProductsOfLibTorchAboveTheInstructionsAreNotCredible) {
  const Speed speed = speed_of(80e9, 160e9, 192e9);
  EXPECT_FALSE(speed.is_credible());
  const std::string text = describe_peaks({speed});
  EXPECT_THAT(text, HasSubstr("120 % (!) of instructions"));
  EXPECT_THAT(text, HasSubstr(kWarning));
}

TEST(Shares, MatrixTilesAreNamedWhereTheyMayBeTheCause) {
  Speed speed = speed_of(80e9, 160e9, 192e9);
  speed.has_matrix_tiles = true;
  EXPECT_THAT(describe_peaks({speed}), HasSubstr("AMX"));
}

TEST(Shares, EachKindOfInstructionsIsDescribedOnce) {
  Speed other = speed_of(80e9, 320e9, 192e9);
  other.instructions = "bfloat16 dot products";
  const std::string text =
      describe_peaks({speed_of(1e9, 160e9, 96e9), other, speed_of(2e9, 160e9, 96e9)});
  size_t count = 0;
  for (size_t at = text.find("fastest bursts"); at != std::string::npos;
       at = text.find("fastest bursts", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 2) << text;
}

TEST(Shares, AreMissingWhereOperationsAreNotCounted) {
  EXPECT_THAT(speed_cells(nullptr), ElementsAre("-", "-", "-"));
}

TEST(Shares, MeasuredPeaksAreOfTheirOwnProducts) {
  PeakMeasurement peak(torch::kFloat32);
  peak.burst_case()();
  peak.product_case()();
  const Speed speed = peak.speed(5e9, 0.5);
  EXPECT_EQ(speed.of_libtorch, 2.0 * 1024 * 1024 * 1024 / 0.5);
  EXPECT_GT(speed.of_instructions, 0);
  EXPECT_EQ(speed.share_of_instructions(), 5e9 / speed.of_instructions);
}

}  // namespace
}  // namespace parallax::testing
