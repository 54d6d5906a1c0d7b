// Attention on our kernels against the same formula in float64.
#include <gtest/gtest.h>
#include <torch/autograd.h>

#include <cmath>

#include "core/base/error.h"
#include "core/ops/attention/attention.h"
#include "tests/support/kernel_cases.h"

namespace parallax::testing {
namespace {

// softmax(q kᵀ / √D) v, heads concatenated, written out.
Tensor plain_attention(const Tensor& q, const Tensor& k, const Tensor& v) {
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
  const Tensor weights = (q.matmul(k.transpose(2, 3)) * scale).softmax(3);
  return weights.matmul(v).transpose(1, 2).flatten(2);
}

struct Shape {
  int64_t batch, heads, tokens, width;
};

// One block of queries, several, a short last one; sizes that only LibTorch takes.
const Shape kShapes[] = {{2, 3, 64, 32},
                         {1, 2, 256, 64},
                         {1, 1, 1056, 32},
                         {2, 1, 40, 32},
                         {1, 2, 64, 24},
                         {1, 1, 1, 1}};

struct Run {
  Tensor output;
  std::vector<Tensor> gradients;
};

template <class F>
Run run_attention(const F& f, const std::vector<Tensor>& inputs, const Tensor& direction) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) {
    leaves.push_back(input.detach().clone().requires_grad_(true));
  }
  const Tensor output = f(leaves[0], leaves[1], leaves[2]);
  (output * direction).sum().backward();
  return {output.detach(), {leaves[0].grad(), leaves[1].grad(), leaves[2].grad()}};
}

void expect_close_to_float64(torch::Dtype dtype, double tolerance, double sharpness) {
  torch::manual_seed(41);
  for (const Shape& s : kShapes) {
    std::vector<Tensor> inputs;
    for (int i = 0; i < 3; ++i) {
      inputs.push_back(
          (normal({s.batch, s.heads, s.tokens, s.width}) * (i == 0 ? sharpness : 1.0)).to(dtype));
    }
    std::vector<Tensor> wide;
    for (const Tensor& input : inputs) {
      wide.push_back(input.to(torch::kFloat64));
    }
    const Tensor direction = normal({s.batch, s.tokens, s.heads * s.width}).to(dtype);
    const Run expected = run_attention(plain_attention, wide, direction.to(torch::kFloat64));
    for (const KernelPath path : available_kernel_paths()) {
      const KernelPathGuard guard(path);
      const Run got = run_attention(attention, inputs, direction);
      const std::string where = c10::str(kernel_path_name(path), " ", s.tokens, "x", s.width);
      EXPECT_EQ(got.output.scalar_type(), dtype);
      EXPECT_LT(relative_difference(got.output, expected.output), tolerance) << where;
      for (size_t i = 0; i < 3; ++i) {
        if (s.tokens > 1 || i == 2) {  // one token's weight is 1, whatever q and k
          EXPECT_LT(relative_difference(got.gradients[i], expected.gradients[i]), tolerance)
              << where << ", gradient " << i;
        }
      }
    }
  }
}

TEST(Attention, EqualsFloat64InEveryPrecision) {
  expect_close_to_float64(torch::kFloat64, 1e-12, 1);
  expect_close_to_float64(torch::kFloat32, 3e-6, 1);
  expect_close_to_float64(torch::kBFloat16, 2e-2, 1);
}

TEST(Attention, StaysExactWhereScoresAreLarge) {
  expect_close_to_float64(torch::kFloat32, 2e-5, 30);
}

TEST(Attention, ThreadsShareTheWork) {
  const ThreadCountGuard threads(3);
  expect_close_to_float64(torch::kFloat32, 3e-6, 1);
}

TEST(Attention, ReadsAnyStrides) {
  torch::manual_seed(42);
  const Tensor packed = normal({2, 64, 3, 2, 32}).to(torch::kFloat32);
  const auto part = [&](int64_t i) { return packed.select(2, i).transpose(1, 2); };
  const Tensor expected = plain_attention(
      part(0).to(torch::kFloat64), part(1).to(torch::kFloat64), part(2).to(torch::kFloat64));
  EXPECT_LT(relative_difference(attention(part(0), part(1), part(2)), expected), 3e-6);
}

TEST(Attention, RefusesASecondDerivative) {
  if (fused_paths().empty()) {
    GTEST_SKIP() << "no fused kernels";
  }
  const Tensor q = torch::randn({1, 1, 32, 32}).requires_grad_(true);
  const Tensor output = attention(q, q, q);
  EXPECT_THROW(torch::autograd::grad({output.sum()}, {q}, {}, std::nullopt, /*create_graph=*/true),
               Error);
}

}  // namespace
}  // namespace parallax::testing
