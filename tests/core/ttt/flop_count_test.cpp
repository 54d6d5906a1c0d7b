// Operation counts against sums computed by hand.
#include "core/ttt/flop_count.h"

#include <gtest/gtest.h>

namespace parallax::testing {
namespace {

double operations_of(const char* variant, const LayerShape& shape, const Schedule& schedule) {
  return matmul_flops(find_variant(variant).switches, {.steps = 5}, shape, schedule);
}

TEST(FlopCount, LinearAttentionUpdatesAndApplies) {
  const double product = 2.0 * 64 * 64;  // per token
  EXPECT_EQ(operations_of("6", {2, 64, 64}, update_then_apply_chunks(100, 10)),
            2 * 100 * 2 * product);
}

// Square: as the iteration is written, AAᵀ and A² as symmetric products (half the work) and one
// full product per step.
TEST(FlopCount, SquareNewtonSchulz) {
  const double cube = 64.0 * 64 * 64;
  EXPECT_EQ(operations_of("5", {1, 64, 64}, {{0, 512, true, true}}),
            2 * (2.0 * 512 * 64 * 64) + 5 * (cube + cube + 2 * cube));
}

// Twice as wide as tall: on the Gram matrix, 9 + 5 symmetric products in blocks of 3 and 2 steps.
TEST(FlopCount, WideNewtonSchulzOnTheGramMatrix) {
  const double cube = 64.0 * 64 * 64;
  const double products = 3 + 3;  // φ of keys and their step; φ of queries and their outputs
  EXPECT_EQ(operations_of("2", {1, 64, 128}, {{0, 512, true, true}}),
            products * (2.0 * 512 * 64 * 128) + 2 * (2 * cube + 4 * cube) + 14 * cube);
}

}  // namespace
}  // namespace parallax::testing
