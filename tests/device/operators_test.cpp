// Operators on the device under test against float64 on the CPU.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/ops/common/dispatch.h"
#include "core/ops/depthwise/depthwise.h"
#include "core/ops/elementwise/fused.h"
#include "core/ops/matmul/batched_matmul.h"
#include "core/ops/newton_schulz/newton_schulz_coefficients.h"
#include "tests/support/test_device.h"

namespace parallax::testing {
namespace {

TEST(DeviceOperator, NewtonSchulzInLowPrecision) {
  torch::manual_seed(3);
  const std::vector<std::vector<int64_t>> shapes = {
      {64, 64}, {2, 96, 40}, {2, 40, 96}, {2, 3, 128, 128}, {1, 128, 256}};
  for (const char* name : {"muon", "language-model", "polar-express"}) {
    const auto coefficients = find_coefficients(name);
    // Polar Express's first steps lift small singular values, and roundings with them, more
    // steeply.
    const double most = name == std::string_view("polar-express") ? 6e-2 : 2e-2;
    for (const auto& shape : shapes) {
      const Tensor gradient = on_test_device(torch::randn(shape), torch::kFloat32);
      const NewtonSchulzOptions options{.coefficients = coefficients,
                                        .precision = NewtonSchulzPrecision::kBfloat16Products};
      const Tensor expected = orthogonalise(in_float64(gradient), {.coefficients = coefficients});
      EXPECT_LT(device_error(orthogonalise(gradient, options), expected), most) << shape << name;
    }
  }
}

// Of fewer tokens than the matrix is wide: the iteration multiplies noise in the empty directions.
TEST(DeviceOperator, NewtonSchulzOfAThinGradient) {
  torch::manual_seed(4);
  const Tensor gradient = on_test_device(
      torch::randn({4, 256, 32}).matmul(torch::randn({4, 32, 256})), torch::kFloat32);
  const NewtonSchulzOptions options{.precision = NewtonSchulzPrecision::kBfloat16Products};
  const double error =
      device_error(orthogonalise(gradient, options), orthogonalise(in_float64(gradient), {}));
  EXPECT_LT(error, test_device().is_cuda() ? 8e-2 : 2e-1);  // in float16, and in bfloat16
}

TEST(DeviceOperator, ProductsInEveryPrecision) {
  torch::manual_seed(5);
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    const Tensor a = on_test_device(torch::randn({2, 3, 50, 72}), dtype);
    const Tensor b = on_test_device(torch::randn({2, 3, 72, 64}), dtype);
    const Tensor expected = in_float64(a).matmul(in_float64(b));
    EXPECT_LT(device_error(batched_product(a, b), expected),
              dtype == torch::kFloat32 ? 1e-5 : 1e-2);
    const Tensor sums = batched_product(a, b, {.result = torch::kFloat32});
    EXPECT_EQ(sums.scalar_type(), torch::kFloat32);
    EXPECT_LT(device_error(sums, expected), 1e-5);
    const Tensor turned =
        batched_product(b.transpose(2, 3), a.transpose(2, 3), {.result = torch::kFloat32});
    // Products that none of the CPU's kernels takes are rounded to bfloat16 first.
    EXPECT_LT(device_error(turned, expected.transpose(2, 3)),
              dtype == torch::kFloat32 ? 1e-5 : 5e-3);
  }
}

TEST(DeviceOperator, SwigluWithAndWithoutRates) {
  torch::manual_seed(6);
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    for (const int64_t width : {7, 64, 200}) {
      const Tensor a = on_test_device(torch::randn({2, 30, width}), dtype);
      const Tensor m = on_test_device(torch::randn({2, 30, width}), dtype);
      const Tensor rate = on_test_device(torch::rand({2, 30, 1}), torch::kFloat32);
      const Tensor plain = torch::silu(in_float64(a)) * in_float64(m);
      const double most = dtype == torch::kFloat32 ? 1e-6 : 5e-3;
      EXPECT_LT(device_error(swiglu(a, m), plain), most);
      EXPECT_LT(device_error(swiglu(a, m, rate), plain * in_float64(rate)), most);
    }
  }
}

// The gradients of a fixed functional of all results.
std::vector<Tensor> results_and_gradients(const std::vector<Tensor>& results,
                                          const std::vector<Tensor>& inputs) {
  Tensor sum;
  for (const Tensor& result : results) {
    const Tensor direction = torch::linspace(-3, 3, result.numel(), torch::kFloat64)
                                 .sin()
                                 .view(result.sizes())
                                 .to(result.device(), torch::kFloat32);
    const Tensor term = (result.to(torch::kFloat32) * direction).sum();
    sum = sum.defined() ? sum + term : term;
  }
  std::vector<Tensor> all = results;
  for (const Tensor& gradient : torch::autograd::grad({sum}, inputs)) {
    all.push_back(gradient);
  }
  return all;
}

Tensor leaf(const Tensor& x) { return x.detach().clone().requires_grad_(); }

// Heads of a packed projection, with what is done to their rows, and back; against the reference in
// float64.
TEST(DeviceOperator, HeadsSplitAndMergedForwardAndBackward) {
  using enum HeadMode;
  torch::manual_seed(8);
  const std::vector<std::vector<HeadMode>> choices = {
      {kSiluUnit, kSiluUnit, kSilu}, {kRmsNorm, kRmsNorm, kCopy}, {kRotate, kRotate, kCopy}};
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    for (const int64_t width : {20, 64}) {
      for (const auto& modes : choices) {
        const bool scaled = modes.front() == kRmsNorm;
        const bool turned = modes.front() == kRotate;
        const HeadSplit split{
            .heads = 3,
            .modes = modes,
            .eps = 1e-5,
            .rotations = turned ? torch::randn({40, 3 * width / 2, 2}) : Tensor()};
        const Tensor packed = leaf(on_test_device(torch::randn({2, 40, 9 * width}), dtype));
        const Tensor scale = leaf(on_test_device(torch::rand({width}) + 0.5, torch::kFloat32));
        const auto run = [&](const Tensor& x, const Tensor& w, const Tensor& rotations) {
          HeadSplit here = split;
          here.rotations = rotations;
          std::vector<Tensor> parts =
              split_heads(x, here, scaled ? std::vector<Tensor>{w, w} : std::vector<Tensor>{});
          parts.push_back(merge_heads(parts.back(), 3, w, 1e-5));
          return results_and_gradients(parts, {x, w});
        };
        const Tensor rotations =
            turned ? on_test_device(split.rotations, torch::kFloat32) : Tensor();
        const auto got = run(packed, scale, rotations);
        const KernelPathGuard reference(KernelPath::kReference);
        const auto expected = run(leaf(in_float64(packed)),
                                  leaf(in_float64(scale)),
                                  turned ? in_float64(split.rotations) : Tensor());
        for (size_t i = 0; i < got.size(); ++i) {
          EXPECT_LT(device_error(got[i], expected[i]), dtype == torch::kFloat32 ? 1e-5 : 2e-2)
              << "result " << i << ", width " << width;
        }
      }
    }
  }
}

TEST(DeviceOperator, DepthwiseConvolutionForwardAndBackward) {
  torch::manual_seed(9);
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    for (const auto& [channels, kernels] : {std::pair{12, 1}, std::pair{64, 3}, std::pair{64, 1}}) {
      const Tensor picture = leaf(on_test_device(torch::randn({3, 9, 7, channels}), dtype));
      const Tensor weight =
          leaf(on_test_device(torch::randn({kernels, 9, channels}), torch::kFloat32));
      const Tensor values = leaf(on_test_device(torch::randn({3, 9, 7, channels}), dtype));
      const auto run = [](const Tensor& x, const Tensor& w, const Tensor& v) {
        return results_and_gradients(
            {depthwise_convolution(x, w, Tensor(), 9), depthwise_correlation(x, v)}, {x, w, v});
      };
      const auto got = run(picture, weight, values);
      const KernelPathGuard reference(KernelPath::kReference);
      const auto expected =
          run(leaf(in_float64(picture)), leaf(in_float64(weight)), leaf(in_float64(values)));
      for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_LT(device_error(got[i], expected[i]), dtype == torch::kFloat32 ? 1e-5 : 2e-2)
            << "result " << i << ", channels " << channels;
      }
    }
  }
}

}  // namespace
}  // namespace parallax::testing
