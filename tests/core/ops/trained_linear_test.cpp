// Linear layers in training against LibTorch's in float64.
#include <gtest/gtest.h>

#include "core/base/autocast.h"
#include "core/base/error.h"
#include "core/ops/linear/trained_linear.h"
#include "core/ops/matmul/threaded_gemm.h"
#include "tests/support/kernel_cases.h"

namespace parallax::testing {
namespace {

struct LinearCase {
  int64_t rows, in, out;
  bool bias, gelu;
};

// Less than a block of rows, several of them and a short last one.
const LinearCase kCases[] = {{7, 32, 64, false, false},
                             {300, 64, 96, true, false},
                             {512, 96, 32, false, true},
                             {1, 32, 32, true, true}};

struct LinearRun {
  Tensor output;
  std::vector<Tensor> gradients;  // of x, weight and bias
};

LinearRun run_linear(const LinearCase& c,
                     const std::vector<Tensor>& inputs,
                     const Tensor& direction) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) {
    leaves.push_back(input.defined() ? input.detach().clone().requires_grad_(true) : Tensor());
  }
  Tensor output;
  if (inputs[0].scalar_type() == torch::kFloat64) {
    output = torch::linear(leaves[0], leaves[1], leaves[2]);
    output = c.gelu ? torch::gelu(output) : output;
  } else {
    EXPECT_TRUE(can_train_linear(leaves[0], leaves[1], leaves[2]));
    output = trained_linear(
        leaves[0], leaves[1], leaves[2], c.gelu ? Activation::kGelu : Activation::kNone);
  }
  (output * direction.to(output.scalar_type())).sum().backward();
  LinearRun run{.output = output.detach(), .gradients = {}};
  for (const Tensor& leaf : leaves) {
    run.gradients.push_back(leaf.defined() ? leaf.grad() : Tensor());
  }
  return run;
}

Tensor rounded_to(const Tensor& x, torch::Dtype dtype) { return x.to(dtype).to(torch::kFloat64); }

void expect_linear_close(torch::Dtype products, double tolerance) {
  torch::manual_seed(51);
  for (const LinearCase& c : kCases) {
    // Both sides start from what the products round their factors to.
    const std::vector<Tensor> wide = {rounded_to(normal({2, c.rows, c.in}), products),
                                      rounded_to(normal({c.out, c.in}), products),
                                      c.bias ? normal({c.out}) : Tensor()};
    const Tensor direction = rounded_to(normal({2, c.rows, c.out}), products);
    const LinearRun expected = run_linear(c, wide, direction);
    std::vector<Tensor> inputs;
    for (const Tensor& input : wide) {
      inputs.push_back(input.defined() ? input.to(torch::kFloat32) : Tensor());
    }
    for (const KernelPath path : fused_paths()) {
      const KernelPathGuard path_guard(path);
      if (products == torch::kBFloat16 && !has_bfloat16_gemm()) {
        continue;
      }
      const AutocastGuard mixed(torch::kCPU, products);
      const LinearRun got = run_linear(c, inputs, direction);
      const std::string where =
          c10::str(kernel_path_name(path), " ", c.rows, "x", c.in, "x", c.out);
      EXPECT_EQ(got.output.scalar_type(), products);
      EXPECT_LT(relative_difference(got.output, expected.output), tolerance) << where;
      for (size_t i = 0; i < 3; ++i) {
        if (wide[i].defined()) {
          EXPECT_EQ(got.gradients[i].scalar_type(), torch::kFloat32);
          EXPECT_LT(relative_difference(got.gradients[i], expected.gradients[i]), tolerance)
              << where << ", gradient " << i;
        }
      }
    }
  }
}

TEST(TrainedLinear, EqualsFloat64) { expect_linear_close(torch::kFloat32, 3e-6); }

TEST(TrainedLinear, MultipliesInBfloat16UnderAutocast) {
  expect_linear_close(torch::kBFloat16, 8e-3);
}

TEST(TrainedLinear, ThreadsShareTheRows) {
  const ThreadCountGuard threads(3);
  expect_linear_close(torch::kFloat32, 3e-6);
}

// Rounded to bfloat16, one part in 256 of each step would be lost.
TEST(TrainedLinear, SumsTheWeightsGradientInFloat32) {
  if (!has_bfloat16_gemm()) {
    GTEST_SKIP() << "this processor multiplies no bfloat16";
  }
  const Tensor x = torch::ones({4096, 32});
  const Tensor weight = torch::zeros({32, 32}).requires_grad_(true);
  const AutocastGuard mixed(torch::kCPU, torch::kBFloat16);
  // 4,095 of them and one of 2: bfloat16 knows 4,096 and 4,112.
  Tensor direction = torch::ones({4096, 32});
  direction[0] = 2;
  (trained_linear(x, weight, {}) * direction).sum().backward();
  EXPECT_EQ(weight.grad().min().item<float>(), 4097);
}

TEST(TrainedLinear, LeavesWhatItCannotDoToLibTorch) {
  const Tensor weight = torch::zeros({32, 64}).requires_grad_(true);
  const Tensor x = torch::zeros({2, 64});
  const KernelPathGuard guard(fused_paths().back());
  EXPECT_TRUE(can_train_linear(x, weight, {}));
  EXPECT_FALSE(can_train_linear(x.to(torch::kFloat64), weight.to(torch::kFloat64), {}));
  EXPECT_FALSE(can_train_linear(x, torch::zeros({30, 64}).requires_grad_(true), {}));
  EXPECT_FALSE(can_train_linear(torch::zeros({0, 64}), weight, {}));
  EXPECT_FALSE(can_train_linear(x, weight.detach(), {}));
  const torch::NoGradGuard no_grad;
  EXPECT_FALSE(can_train_linear(x, weight, {}));
}

TEST(TrainedLinear, InputsThatNeedNoGradientGetNone) {
  const Tensor weight = torch::randn({32, 64}).requires_grad_(true);
  const Tensor x = torch::randn({5, 64});
  trained_linear(x, weight, {}).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_TRUE(weight.grad().defined());
}

}  // namespace
}  // namespace parallax::testing
