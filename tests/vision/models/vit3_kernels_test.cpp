// The fused gated linear unit against training and applying it step by step, for every rule.
#include <gtest/gtest.h>

#include "tests/support/kernel_cases.h"
#include "vision/models/vit3/inner_nets.h"

namespace parallax::testing {
namespace {

void add_glu_cases(std::vector<OperatorCase>& cases,
                   int64_t heads,
                   int64_t images,
                   int64_t tokens,
                   int64_t width) {
  for (const Vit3Variant& variant : vit3_variants()) {
    // Steps of a size that matters: W + G with G as large as W.
    const auto weight = [&] { return normal({heads, 1, width, width}) / width; };
    const auto part = [&] { return normal({heads, images, tokens, width}); };
    for (const int64_t step : {0, 5}) {
      cases.push_back({c10::str("variant ",
                                variant.name,
                                ", ",
                                heads,
                                "x",
                                images,
                                "x",
                                tokens,
                                "x",
                                width,
                                ", steps of ",
                                step),
                       [rule = variant.rule, step](const auto& x) {
                         return std::vector<Tensor>{train_and_apply_glu(
                             rule, x[0], x[1], x[2], {.w1 = x[3], .w2 = x[4]}, step)};
                       },
                       {part(), part(), part(), weight(), weight()}});
    }
  }
}

std::vector<OperatorCase> glu_cases() {
  torch::manual_seed(21);
  std::vector<OperatorCase> cases;
  add_glu_cases(cases, 1, 1, 1, 2);
  add_glu_cases(cases, 2, 3, 9, 7);
  add_glu_cases(cases, 1, 2, 300, 37);  // several blocks of tokens, with a remainder of columns
  add_glu_cases(cases, 2, 1, 64, 32);
  return cases;
}

TEST(Vit3Kernels, ValuesAndGradientsEqualTheReferenceInFloat64) {
  expect_equal_to_reference(glu_cases());
}

TEST(Vit3Kernels, ThreadsShareTheWork) {
  const ThreadCountGuard threads(3);
  expect_equal_to_reference(glu_cases());
}

// Float32's error grows with the sums over tokens and columns; bfloat16's is that of rounding its
// outputs.
TEST(Vit3Kernels, LowPrecisionsStayCloseToFloat64) {
  expect_low_precisions_close(glu_cases(),
                              {.float32 = 1e-5, .bfloat16 = 2e-2, .bfloat16_gradients = 3e-2});
}

TEST(Vit3Kernels, ValuesOfZeroHaveFiniteGradients) {
  for (const KernelPath path : available_kernel_paths()) {
    const KernelPathGuard guard(path);
    torch::manual_seed(3);
    const Tensor v = torch::zeros({1, 1, 5, 4}, torch::kFloat64).requires_grad_(true);
    const Tensor k = normal({1, 1, 5, 4});
    const Tensor w = normal({1, 1, 4, 4});
    train_and_apply_glu(find_vit3_variant("0").rule, k, k, v, {w, w}, 0).square().sum().backward();
    EXPECT_TRUE(v.grad().isfinite().all().item<bool>()) << kernel_path_name(path);
  }
}

}  // namespace
}  // namespace parallax::testing
