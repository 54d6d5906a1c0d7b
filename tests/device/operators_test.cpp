// Operators on the device under test against float64 on the CPU.
#include <gtest/gtest.h>

#include "core/ops/elementwise/fused.h"
#include "core/ops/matmul/batched_matmul.h"
#include "core/ops/newton_schulz/newton_schulz.h"
#include "tests/support/test_device.h"

namespace parallax::testing {
namespace {

TEST(DeviceOperator, NewtonSchulzInLowPrecision) {
  torch::manual_seed(3);
  const std::vector<std::vector<int64_t>> shapes = {
      {64, 64}, {2, 96, 40}, {2, 40, 96}, {2, 3, 128, 128}, {1, 128, 256}};
  for (const auto& coefficients :
       {NewtonSchulzOptions().coefficients, language_model_coefficients()}) {
    for (const auto& shape : shapes) {
      const Tensor gradient = on_test_device(torch::randn(shape), torch::kFloat32);
      const NewtonSchulzOptions options{
          .coefficients = coefficients, .precision = NewtonSchulzPrecision::kBfloat16Products};
      const Tensor expected = orthogonalise(in_float64(gradient), {.coefficients = coefficients});
      EXPECT_LT(device_error(orthogonalise(gradient, options), expected), 2e-2) << shape;
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
  EXPECT_LT(error, test_device().is_cuda() ? 4e-2 : 2e-1);  // in float16, and in bfloat16
}

TEST(DeviceOperator, ProductsInEveryPrecision) {
  torch::manual_seed(5);
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    const Tensor a = on_test_device(torch::randn({2, 3, 50, 72}), dtype);
    const Tensor b = on_test_device(torch::randn({2, 3, 72, 64}), dtype);
    const Tensor expected = in_float64(a).matmul(in_float64(b));
    EXPECT_LT(device_error(batched_product(a, b), expected), dtype == torch::kFloat32 ? 1e-5 : 1e-2);
    const Tensor sums = batched_product(a, b, {.result = torch::kFloat32});
    EXPECT_EQ(sums.scalar_type(), torch::kFloat32);
    EXPECT_LT(device_error(sums, expected), 1e-5);
    const Tensor turned = batched_product(
        b.transpose(2, 3), a.transpose(2, 3), {.result = torch::kFloat32});
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

}  // namespace
}  // namespace parallax::testing
