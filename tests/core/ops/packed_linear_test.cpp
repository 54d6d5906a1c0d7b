// Repacked linear layers against LibTorch's own.
#include <gtest/gtest.h>

#include "core/ops/matmul/packed_linear.h"
#include "tests/support/kernel_cases.h"

namespace parallax::testing {
namespace {

Tensor expected(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation) {
  const auto wide = [](const Tensor& t) { return t.defined() ? t.to(torch::kFloat64) : t; };
  const Tensor y = torch::linear(wide(x), wide(weight), wide(bias));
  return activation == Activation::kGelu ? torch::gelu(y) : y;
}

TEST(PackedLinear, EqualsFloat64InEveryPrecision) {
  torch::manual_seed(31);
  for (const auto& [dtype, tolerance] : {std::pair{torch::kFloat32, 2e-6},
                                         std::pair{torch::kBFloat16, 8e-3},
                                         std::pair{torch::kFloat64, 1e-14}}) {
    for (const auto& [in, out] : {std::pair{1, 1}, std::pair{37, 5}, std::pair{64, 200}}) {
      for (const Activation activation : {Activation::kNone, Activation::kGelu}) {
        for (const bool with_bias : {false, true}) {
          const PackedLinear linear;
          const Tensor weight = normal({out, in}).to(dtype);
          const Tensor bias = with_bias ? normal({out}).to(dtype) : Tensor();
          for (const Tensor& x : {normal({3, 7, in}), normal({1, in}), normal({in, 9}).t()}) {
            const torch::NoGradGuard no_grad;
            const Tensor rounded = x.to(dtype);
            const Tensor got = linear(rounded, weight, bias, activation);
            EXPECT_EQ(got.scalar_type(), dtype);
            EXPECT_LT(relative_difference(got, expected(rounded, weight, bias, activation)),
                      tolerance)
                << dtype << " " << in << " to " << out;
          }
        }
      }
    }
  }
}

TEST(PackedLinear, FollowsItsWeight) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(32);
  const PackedLinear linear;
  Tensor weight = torch::randn({6, 4});
  const Tensor x = torch::randn({5, 4});
  linear(x, weight, {});
  weight.mul_(2);
  EXPECT_LT(relative_difference(linear(x, weight, {}), expected(x, weight, {}, Activation::kNone)),
            2e-6);
  weight = torch::randn({6, 4});
  EXPECT_LT(relative_difference(linear(x, weight, {}), expected(x, weight, {}, Activation::kNone)),
            2e-6);
}

TEST(PackedLinear, KeepsGradients) {
  torch::manual_seed(33);
  const PackedLinear linear;
  const Tensor weight = torch::randn({6, 4}).requires_grad_(true);
  const Tensor x = torch::randn({5, 4}).requires_grad_(true);
  linear(x, weight, {}, Activation::kGelu).sum().backward();
  EXPECT_TRUE(weight.grad().defined() && x.grad().defined());
}

}  // namespace
}  // namespace parallax::testing
