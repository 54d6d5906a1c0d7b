// Fused kernels against the same work in LibTorch operations, on every instruction set that this
// processor has: values, gradients, ragged shapes, precisions.
#include <gtest/gtest.h>
#include <torch/autograd.h>

#include "core/base/error.h"
#include "core/ops/common/dispatch.h"
#include "core/ops/depthwise/depthwise.h"
#include "core/ops/elementwise/fused.h"
#include "tests/support/kernel_cases.h"

namespace parallax::testing {
namespace {

void add_head_cases(std::vector<OperatorCase>& cases,
                    int64_t batch,
                    int64_t tokens,
                    int64_t heads,
                    int64_t width) {
  const std::string shape = c10::str(batch, "x", tokens, "x", heads, "x", width);
  const auto split = [=](std::vector<HeadMode> modes) {
    return HeadSplit{.heads = heads, .modes = std::move(modes), .eps = 1e-5};
  };
  const HeadSplit layer = split({HeadMode::kSiluUnit, HeadMode::kSiluUnit, HeadMode::kSilu});
  cases.push_back({"split for the layer " + shape,
                   [=](const auto& x) { return split_heads(x[0], layer); },
                   {normal({batch, tokens, 3 * heads * width})}});
  const HeadSplit keys = split({HeadMode::kSiluUnit, HeadMode::kSilu});
  cases.push_back({"split without queries " + shape,
                   [=](const auto& x) { return split_heads(x[0], keys); },
                   {normal({batch, tokens, 2 * heads * width})}});
  const HeadSplit attention = split({HeadMode::kRmsNorm, HeadMode::kRmsNorm, HeadMode::kCopy});
  cases.push_back({"split for attention " + shape,
                   [=](const auto& x) {
                     return split_heads(x[0], attention, {x[1], x[2]});
                   },
                   {normal({batch, tokens, 3 * heads * width}), normal({width}), normal({width})}});
  if (width % 2 == 0) {
    for (const bool heads_first : {false, true}) {
      HeadSplit turned = split({HeadMode::kRotate, HeadMode::kRotate, HeadMode::kCopy});
      turned.rotations = normal({tokens, heads * width / 2, 2});
      turned.heads_first = heads_first;
      cases.push_back(
          {c10::str("split with rotations ", shape, heads_first ? ", heads first" : ""),
           // A slice of a wider projection.
           [=](const auto& x) { return split_heads(x[0].slice(2, 0, 3 * heads * width), turned); },
           {normal({batch, tokens, 3 * heads * width + 5})}});
    }
  }
  // With a width of 1 any smaller ε would leave just the element's sign, whose gradient is only
  // rounding.
  const double eps = width == 1 ? 1 : 1e-5;
  cases.push_back(
      {"merge " + shape,
       [=](const auto& x) -> std::vector<Tensor> { return {merge_heads(x[0], heads, x[1], eps)}; },
       {normal({batch * heads, tokens, width}), normal({width})}});
}

void add_inner_cases(std::vector<OperatorCase>& cases,
                     int64_t batch,
                     int64_t tokens,
                     int64_t width) {
  const std::string shape = c10::str(batch, "x", tokens, "x", width);
  const auto hidden = [&] { return normal({batch, tokens, width}); };
  const auto rate = [&] { return normal({batch, tokens, 1}); };
  const Operator glu = [](const auto& x) -> std::vector<Tensor> {
    return {swiglu(x[0], x[1], x[2])};
  };
  cases.push_back({"swiglu " + shape, glu, {hidden(), hidden(), Tensor()}});
  cases.push_back({"swiglu with rates " + shape, glu, {hidden(), hidden(), rate()}});
  const Operator factors = [](const auto& x) -> std::vector<Tensor> {
    const InnerFactors f = inner_factors(x[0], x[1], x[2], x[3], x[4], x[5]);
    return {f.h, f.da, f.dm};
  };
  cases.push_back({"inner factors " + shape,
                   factors,
                   {hidden(), hidden(), hidden(), Tensor(), Tensor(), Tensor()}});
  cases.push_back({"inner factors with rates " + shape,
                   factors,
                   {hidden(), hidden(), hidden(), rate(), rate(), rate()}});
}

// Rows of one image against rows of another that may begin earlier, end later, or be inside.
void add_depthwise_cases(std::vector<OperatorCase>& cases,
                         int64_t batch,
                         int64_t rows,
                         int64_t cols,
                         int64_t channels) {
  for (const auto& [to_rows, offset] :
       {std::pair{rows, int64_t{0}}, {int64_t{1}, rows - 1}, {rows + 2, int64_t{-1}}}) {
    const std::string shape =
        c10::str(batch, "x", rows, "x", cols, "x", channels, ", ", to_rows, " rows from ", offset);
    const auto picture = [&](int64_t count) { return normal({batch, count, cols, channels}); };
    const Operator convolution = [=, t = to_rows, o = offset](const auto& x) {
      return std::vector<Tensor>{depthwise_convolution(x[0], x[1], x[2], t, o)};
    };
    cases.push_back({"convolution, one kernel, " + shape,
                     convolution,
                     {picture(rows), normal({1, kDepthwiseTaps, channels}), normal({channels})}});
    cases.push_back({"convolution, a kernel an image, " + shape,
                     convolution,
                     {picture(rows), normal({batch, kDepthwiseTaps, channels}), Tensor()}});
    cases.push_back({"correlation, " + shape,
                     [o = offset](const auto& x) {
                       return std::vector<Tensor>{depthwise_correlation(x[0], x[1], o)};
                     },
                     {picture(rows), picture(to_rows)}});
  }
}

std::vector<OperatorCase> all_cases() {
  torch::manual_seed(11);
  std::vector<OperatorCase> cases;
  add_head_cases(cases, 1, 1, 1, 1);
  add_head_cases(cases, 2, 5, 3, 7);
  add_head_cases(cases, 3, 130, 2, 64);
  add_head_cases(cases, 1, 9, 1, 100);
  add_inner_cases(cases, 1, 1, 1);
  add_inner_cases(cases, 2, 3, 17);
  add_inner_cases(cases, 2, 130, 96);
  add_depthwise_cases(cases, 1, 1, 1, 1);
  add_depthwise_cases(cases, 3, 5, 4, 7);
  add_depthwise_cases(cases, 2, 8, 9, 37);
  return cases;
}

TEST(Kernels, ValuesAndGradientsEqualTheReferenceInFloat64) {
  expect_equal_to_reference(all_cases());
}

TEST(Kernels, ThreadsShareTheWork) {
  const ThreadCountGuard threads(3);
  expect_equal_to_reference(all_cases());
}

TEST(Kernels, LowPrecisionsStayCloseToFloat64) {
  expect_low_precisions_close(all_cases(), {.float32 = 2e-6, .bfloat16 = 8e-3});
}

TEST(Kernels, OutputsThatNobodyUsesHaveNoGradient) {
  torch::manual_seed(2);
  const HeadSplit split{
      .heads = 2, .modes = {HeadMode::kSiluUnit, HeadMode::kRmsNorm, HeadMode::kSilu}, .eps = 1e-5};
  const Tensor weight = normal({5});
  const Tensor packed = normal({2, 3, 30});
  std::vector<Tensor> gradients;
  for (const KernelPath path : available_kernel_paths()) {
    const KernelPathGuard guard(path);
    const Tensor leaf = packed.clone().requires_grad_(true);
    split_heads(leaf, split, {Tensor(), weight, Tensor()})[2].square().sum().backward();
    gradients.push_back(leaf.grad());
    EXPECT_LT(relative_difference(gradients.back(), gradients.front()), 1e-13);
  }
}

TEST(Kernels, ZeroRowsAndLargeNumbersAreHarmless) {
  const HeadSplit split{.heads = 1, .modes = {HeadMode::kSiluUnit}, .eps = 1e-5};
  for (const KernelPath path : fused_paths()) {
    const KernelPathGuard guard(path);
    const Tensor zero = torch::zeros({1, 2, 8}).requires_grad_(true);
    const Tensor unit = split_heads(zero, split)[0];
    unit.sum().backward();
    EXPECT_EQ(unit.abs().max().item<float>(), 0.0F);
    EXPECT_TRUE(zero.grad().isfinite().all().item<bool>());

    const Tensor a =
        torch::tensor({-1e4F, -200.0F, -80.0F, 0.0F, 80.0F, 200.0F, 1e4F}).view({1, 1, 7});
    const Tensor h = swiglu(a, torch::ones_like(a));
    EXPECT_LT((h - torch::silu(a)).abs().max().item<float>(), 1e-30F) << kernel_path_name(path);
    EXPECT_TRUE(swiglu(torch::full({1, 1, 1}, NAN), torch::ones({1, 1, 1})).isnan().item<bool>());
  }
}

TEST(Kernels, WorkOnStridedInputs) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  const Tensor a = normal({2, 6, 4}).transpose(1, 2);
  const Tensor m = normal({2, 4, 12}).slice(2, 0, 6);
  const Tensor expected = torch::silu(a) * m;
  for (const KernelPath path : fused_paths()) {
    const KernelPathGuard guard(path);
    EXPECT_LT(relative_difference(swiglu(a, m), expected), 1e-13);
  }
}

// Gradients of sums are expanded tensors, and a transposition leaves odd strides if a size is 1.
TEST(Kernels, DepthwiseAndHeadsWorkOnAnyStrides) {
  torch::manual_seed(8);
  const Tensor weight = normal({1, kDepthwiseTaps, 20});
  const Tensor pictures[] = {normal({2, 1, 1, 20}).expand({2, 3, 4, 20}),
                             normal({2, 1, 1, 1}).expand({2, 3, 4, 20}),
                             normal({2, 1, 6, 20}).transpose(1, 2),
                             normal({2, 20, 3, 4}).permute({0, 2, 3, 1}),
                             normal({2, 3, 4, 50}).slice(3, 7, 27)};
  const Tensor row = normal({1, 3, 30}).transpose(0, 1);  // [3, 1, 30]
  for (const KernelPath path : fused_paths()) {
    const auto with = [&](KernelPath which, auto&& run) {
      const KernelPathGuard guard(which);
      return run();
    };
    const auto expect_same = [&](auto&& run) {
      EXPECT_LT(relative_difference(with(path, run), with(KernelPath::kReference, run)), 1e-13);
    };
    for (const Tensor& picture : pictures) {
      expect_same([&] { return depthwise_convolution(picture, weight, {}, picture.size(1)); });
      expect_same([&] { return depthwise_correlation(picture, picture); });
    }
    expect_same([&] { return split_heads(row, {.heads = 2, .modes = {HeadMode::kSilu}})[0]; });
    expect_same([&] {
      const Tensor leaf = pictures[3].clone().requires_grad_(true);
      depthwise_convolution(leaf, weight, {}, 3).sum({1, 2}).square().sum().backward();
      return leaf.grad();
    });
  }
}

TEST(Kernels, DepthwiseCanBeDifferentiatedTwice) {
  torch::manual_seed(9);
  const Tensor picture = normal({2, 3, 4, 5});
  const Tensor kernels = normal({2, kDepthwiseTaps, 5});
  std::vector<Tensor> results;
  for (const KernelPath path : available_kernel_paths()) {
    const KernelPathGuard guard(path);
    const Tensor x = picture.clone().requires_grad_(true);
    const Tensor w = kernels.clone().requires_grad_(true);
    const Tensor y = depthwise_convolution(x, w, {}, 3);
    const Tensor gradient = torch::autograd::grad({y.pow(3).sum()}, {x}, {}, true, true)[0];
    results.push_back(torch::autograd::grad({gradient.square().sum()}, {w})[0]);
    EXPECT_LT(relative_difference(results.back(), results.front()), 1e-12);
  }
}

TEST(Kernels, WhatCanBeDifferentiatedOnceSaysSo) {
  const Tensor a = normal({1, 2, 3}).requires_grad_(true);
  const KernelPathGuard guard(KernelPath::kPortable);
  const Tensor sum = swiglu(a, a).square().sum();
  EXPECT_THROW(torch::autograd::grad({sum}, {a}, {}, true, true), std::exception);
}

TEST(Kernels, WidthsThatDoNotFitAreNamed) {
  const HeadSplit turned{.heads = 2, .modes = {HeadMode::kRotate}};
  EXPECT_THROW(split_heads(torch::zeros({1, 2, 8}), turned), Error);
  EXPECT_THROW(split_heads(torch::zeros({1, 2, 8}), {.heads = 2, .modes = {HeadMode::kRmsNorm}}),
               Error);
  EXPECT_THROW(depthwise_convolution(
                   torch::zeros({1, 2, 2, 3}), torch::zeros({1, 9, 3}), torch::zeros({2}), 2),
               Error);
  const HeadSplit split{.heads = 2, .modes = {HeadMode::kSilu, HeadMode::kSilu}};
  EXPECT_THROW(split_heads(torch::zeros({1, 2, 10}), split), Error);
}

}  // namespace
}  // namespace parallax::testing
