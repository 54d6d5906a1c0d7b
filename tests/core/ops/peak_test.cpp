// The loops that peaks are measured with: they do the work that is counted. Speed is not judged.
#include "core/ops/peak/peak.h"

#include <gtest/gtest.h>

namespace parallax::testing {
namespace {

// A loop's sums grow by 1 · 1 for each product that it makes, so that their total counts them.
void expect_counted_operations(const kernels::PeakLoop& loop) {
  for (const int64_t rounds : {0, 1, 7, 1000}) {
    EXPECT_EQ(2 * loop.run(rounds), static_cast<double>(rounds * loop.operations_per_round))
        << loop.instructions << ", " << rounds << " rounds";
  }
  EXPECT_GT(loop.operations_per_round, 0) << loop.instructions;
}

TEST(Peak, LoopsMakeAsManyProductsAsAreCounted) {
  for (const KernelPath path : available_kernel_paths()) {
    expect_counted_operations(peak_loop(path));
  }
  if (has_bfloat16_instructions()) {
    expect_counted_operations(kernels::kPeakBfloat16);
  }
}

TEST(Peak, IsOfTheProcessorWhateverKernelsAreInUse) {
  const kernels::PeakLoop& before = fastest_peak_loop(torch::kBFloat16);
  const KernelPathGuard portable(KernelPath::kPortable);
  EXPECT_EQ(&fastest_peak_loop(torch::kBFloat16), &before);
  EXPECT_EQ(&fastest_peak_loop(torch::kFloat32), &peak_loop(available_kernel_paths().back()));
}

TEST(Peak, NamesBfloat16OnlyWhereTheProcessorMultipliesIt) {
  const std::string name = InstructionPeak(torch::kBFloat16).instructions();
  EXPECT_EQ(name.find("bfloat16") != std::string::npos,
            has_bfloat16_instructions() && available_kernel_paths().back() == KernelPath::kAvx512)
      << name;
}

TEST(Peak, KeepsTheFastestBursts) {
  InstructionPeak peak(torch::kFloat32);
  EXPECT_EQ(peak.operations_per_second(), 0);
  double fastest = 0;
  for (int burst = 0; burst < 5; ++burst) {
    peak.run_burst();
    EXPECT_GE(peak.operations_per_second(), fastest);
    fastest = peak.operations_per_second();
  }
  EXPECT_GT(fastest, 0);
}

}  // namespace
}  // namespace parallax::testing
