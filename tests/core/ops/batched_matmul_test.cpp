// The layer's batched matrix products against LibTorch's own.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>

#include "core/ops/matmul/batched_matmul.h"
#include "tests/support/kernel_cases.h"

namespace parallax::testing {
namespace {

struct Size {
  int64_t batch, rows, inner, cols;
};

// Ragged rows and inner sizes, one to several panels, and sizes that are left to LibTorch.
constexpr Size kSizes[] = {{2, 33, 45, 64},
                           {3, 64, 128, 32},
                           {1, 131, 77, 96},
                           {2, 5, 40, 32},
                           {2, 40, 8, 32},
                           {2, 40, 40, 33}};

std::vector<Tensor> run_product(const std::vector<Tensor>& in) {
  return {batched_product(in[0], in[1])};
}

// Each factor as it is, transposed, and as part of a larger tensor.
std::vector<OperatorCase> product_cases() {
  torch::manual_seed(9);
  std::vector<OperatorCase> cases;
  for (const auto& [batch, rows, inner, cols] : kSizes) {
    const std::string name = fmt::format("{} x {} x {} x {}", batch, rows, inner, cols);
    const Tensor a = normal({batch, rows, inner});
    const Tensor b = normal({batch, inner, cols});
    const Tensor a_turned = normal({batch, inner, rows});
    const Tensor b_turned = normal({batch, cols, inner});
    cases.push_back({name, run_product, {a, b}});
    cases.push_back({name + ", a transposed",
                     [](const auto& in) {
                       return run_product({in[0].transpose(1, 2), in[1]});
                     },
                     {a_turned, b}});
    cases.push_back({name + ", b transposed",
                     [](const auto& in) {
                       return run_product({in[0], in[1].transpose(1, 2)});
                     },
                     {a, b_turned}});
    cases.push_back({name + ", in pieces of both",
                     [cols = cols](const auto& in) {
                       return run_product({in[0].slice(1, 3), in[1].slice(2, 0, cols / 32 * 32)});
                     },
                     {a, b}});
    cases.push_back({name + ", out of rows one longer, b transposed",
                     [](const auto& in) {
                       const auto shorter = [](const Tensor& x) { return x.slice(2, 1); };
                       return run_product({shorter(in[0]), shorter(in[1]).transpose(1, 2)});
                     },
                     {normal({batch, rows, inner + 1}), normal({batch, cols, inner + 1})}});
    cases.push_back({name + ", one b for all",
                     [batch = batch](const auto& in) {
                       return run_product({in[0], in[1].slice(0, 0, 1).expand({batch, -1, -1})});
                     },
                     {a, b}});
  }
  cases.push_back(
      {"four dimensions", run_product, {normal({2, 3, 40, 50}), normal({2, 3, 50, 64})}});
  // Ranges of each head's tokens: no single stride runs through all of them.
  const auto ranges = [](const Tensor& x) {
    return x.slice(1, 20, 80).reshape({2, 3, 20, x.size(2)});
  };
  cases.push_back({"four dimensions in pieces",
                   [ranges](const auto& in) {
                     return run_product({ranges(in[0]).transpose(2, 3), ranges(in[1])});
                   },
                   {normal({2, 90, 16}), normal({2, 90, 64})}});
  return cases;
}

TEST(BatchedProduct, IsMatmulWithItsGradients) { expect_equal_to_reference(product_cases()); }

TEST(BatchedProduct, LowPrecisionsAreClose) {
  expect_low_precisions_close(product_cases(), {.float32 = 2e-6, .bfloat16 = 1e-2});
}

TEST(BatchedProduct, ZerosBelowTheDiagonalAreLeftOut) {
  torch::manual_seed(13);
  const auto run = [](const std::vector<Tensor>& in) -> std::vector<Tensor> {
    return {batched_product(in[0].triu(), in[1], {.a_is_upper = true}),
            batched_product(in[0].tril().transpose(1, 2), in[1], {.a_is_upper = true})};
  };
  std::vector<OperatorCase> cases;
  for (const int64_t side : {8, 33, 64}) {
    cases.push_back(
        {fmt::format("side {}", side), run, {normal({2, side, side}), normal({2, side, 64})}});
  }
  expect_equal_to_reference(cases);
  expect_low_precisions_close(cases, {.float32 = 2e-6, .bfloat16 = 1e-2});
}

// One factor in bfloat16 and one in float32, which is rounded; with results of either dtype.
TEST(BatchedProduct, FactorsMayDifferInPrecision) {
  torch::manual_seed(14);
  for (const auto& [batch, rows, inner, cols] : kSizes) {
    const Tensor a = normal({batch, rows, inner}).to(torch::kBFloat16);
    const Tensor b = normal({batch, inner, cols}).to(torch::kFloat32);
    const Tensor b_turned = b.transpose(1, 2).contiguous().transpose(1, 2);
    const Tensor expected =
        a.to(torch::kFloat64).matmul(b.to(torch::kBFloat16).to(torch::kFloat64));
    for (const auto result : {torch::kBFloat16, torch::kFloat32}) {
      // LibTorch's own products are rounded before they become float32.
      const bool is_exact = result == torch::kFloat32 && rows >= 8 && cols % 32 == 0 &&
                            has_bfloat16_instructions() && kernel_path() == KernelPath::kAvx512;
      const double tolerance = is_exact ? 1e-6 : 4e-3;
      for (const Tensor& right : {b, b_turned}) {
        const Tensor got = batched_product(a, right, {.result = result});
        EXPECT_EQ(got.scalar_type(), result);
        EXPECT_LT(relative_difference(got, expected), tolerance) << rows << " " << inner;
      }
    }
    const Tensor leaf = b.clone().requires_grad_(true);
    const Tensor outer = normal({batch, rows, cols}).to(torch::kBFloat16);
    batched_product(a, leaf).backward(outer);
    EXPECT_EQ(leaf.grad().scalar_type(), torch::kFloat32);
    const Tensor of_b = a.to(torch::kFloat64).transpose(1, 2).matmul(outer.to(torch::kFloat64));
    EXPECT_LT(relative_difference(leaf.grad(), of_b), 1e-2);
  }
}

TEST(BatchedProduct, ThreadsShareTheWork) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(10);
  for (const int64_t batch : {1, 2, 5}) {
    const Tensor a = torch::randn({batch, 70, 90});
    const Tensor b = torch::randn({batch, 90, 160});
    const auto run = [&](int threads) {
      const ThreadCountGuard guard(threads);
      return batched_product(a, b);
    };
    EXPECT_TRUE(run(3).equal(run(1)));
  }
}

TEST(BatchedProduct, HasSecondDerivatives) {
  torch::manual_seed(11);
  const Tensor a = normal({1, 16, 32}).requires_grad_(true);
  const Tensor b = normal({1, 32, 32}).requires_grad_(true);
  const Tensor first =
      torch::autograd::grad({batched_product(a, b).square().sum()}, {a}, {}, true, true)[0];
  first.square().sum().backward();
  const Tensor expected_first =
      2 * a.detach().matmul(b.detach()).matmul(b.detach().transpose(1, 2));
  EXPECT_LT(relative_difference(first.detach(), expected_first), 1e-13);
  const Tensor square = b.detach().matmul(b.detach().transpose(1, 2));
  EXPECT_LT(relative_difference(a.grad(), 4 * expected_first.matmul(square)), 1e-12);
}

}  // namespace
}  // namespace parallax::testing
