// CUDA kernels and their operators on a GPU, against float64 on the CPU. Other tests run the
// kernels' bodies on the CPU; these say whether they were built and launched rightly.
#include <gtest/gtest.h>

#include "core/base/autocast.h"
#include "core/ops/cuda/lt_matmul.h"
#include "core/ops/cuda/operators.h"
#include "tests/support/test_device.h"

namespace parallax::testing {
namespace {

class CudaKernel : public ::testing::Test {
 protected:
  void SetUp() override {
    torch::manual_seed(7);
    if (!test_device().is_cuda()) {
      GTEST_SKIP() << "PARALLAX_TEST_DEVICE names no GPU";
    }
  }
};

TEST_F(CudaKernel, LtProductsOfAnyOrientationAddTheirAddend) {
  for (const torch::Dtype dtype : {torch::kHalf, torch::kBFloat16}) {
    for (const auto& [rows, inner, cols] :
         {std::tuple{64, 96, 40}, std::tuple{128, 128, 128}, std::tuple{72, 8, 264}}) {
      for (const bool turn_a : {false, true}) {
        for (const bool turn_b : {false, true}) {
          const auto matrix = [&](int64_t height, int64_t width, bool turned) {
            const Tensor x =
                on_test_device(torch::randn(turned ? at::IntArrayRef({3, width, height})
                                                   : at::IntArrayRef({3, height, width})),
                               dtype);
            return turned ? x.transpose(1, 2) : x;
          };
          const Tensor a = matrix(rows, inner, turn_a);
          const Tensor b = matrix(inner, cols, turn_b);
          const Tensor c = matrix(rows, cols, false);
          const Tensor result = torch::full_like(c, NAN);
          cuda::lt_matmul(a, b, {}, {}, result);
          const Tensor product = in_float64(a).matmul(in_float64(b));
          EXPECT_LT(device_error(result, product), 5e-3);
          cuda::lt_matmul(a, b, c, {0.5F, -2}, result);
          EXPECT_LT(device_error(result, 0.5 * product - 2 * in_float64(c)), 5e-3);
        }
      }
    }
  }
}

TEST_F(CudaKernel, GatedHiddenIsTheFeatureMap) {
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    for (const auto& [width, hidden] : {std::pair{64, 96},
                                        std::pair{20, 13},
                                        std::pair{64, 128},
                                        std::pair{192, 256},
                                        std::pair{320, 128},
                                        std::pair{384, 384}}) {
      const Tensor x = on_test_device(torch::randn({2, 300, width}), dtype);
      const double gain = 1 / std::sqrt(static_cast<double>(width));
      const Tensor w0 = on_test_device(gain * torch::randn({2, width, hidden}), torch::kFloat32);
      const Tensor w2 = on_test_device(gain * torch::randn({2, width, hidden}), torch::kFloat32);
      const Tensor rate = on_test_device(torch::rand({2, 300, 1}), torch::kFloat32);
      const Tensor plain =
          torch::silu(in_float64(x).matmul(in_float64(w0))) * in_float64(x).matmul(in_float64(w2));
      const double most = dtype == torch::kFloat32 ? 1e-5 : 1e-2;
      EXPECT_LT(device_error(cuda::gated_hidden(x, w0, w2), plain), most) << width;
      EXPECT_LT(device_error(cuda::gated_hidden(x, w0, w2, rate), plain * in_float64(rate)), most)
          << width;
    }
  }
}

// So many rows that each block passes over several tiles and uses its stages again and again.
TEST_F(CudaKernel, GatedHiddenOfManyRows) {
  for (const int64_t width : {64, 256, 384}) {
    const Tensor x = on_test_device(torch::randn({2, 20000, width}), torch::kBFloat16);
    const double gain = 1 / std::sqrt(static_cast<double>(width));
    const Tensor w0 = on_test_device(gain * torch::randn({2, width, 384}), torch::kFloat32);
    const Tensor w2 = on_test_device(gain * torch::randn({2, width, 384}), torch::kFloat32);
    const Tensor exact = x.to(torch::kFloat32);
    const Tensor expected = torch::silu(exact.matmul(w0)) * exact.matmul(w2);
    for (int time = 0; time < 3; ++time) {
      const Tensor difference = cuda::gated_hidden(x, w0, w2).to(torch::kFloat32) - expected;
      // Of the worst row: an average would hide a tile that is wrong.
      const Tensor errors = difference.norm(2, {2}) / expected.norm(2, {2});
      EXPECT_LT(errors.max().item<double>(), 2e-2) << width;
    }
  }
}

// An empty batch, matrices shared by a batch or beginning anywhere, and mixed precision around it.
TEST_F(CudaKernel, GatedHiddenOfUnusualInputs) {
  const Tensor w0 = on_test_device(torch::randn({2, 64, 128}), torch::kFloat32);
  const Tensor w2 = on_test_device(torch::randn({2, 64, 128}), torch::kFloat32);
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    const Tensor flat = on_test_device(torch::randn({2 * 100 * 64 + 3}), dtype);
    const Tensor shifted = flat.slice(0, 3).view({2, 100, 64});
    const Tensor shared = flat.slice(0, 0, 100 * 64).view({1, 100, 64}).expand({2, -1, -1});
    for (const Tensor& x : {shifted, shared}) {
      const Tensor wide = in_float64(x);
      const Tensor expected =
          torch::silu(wide.matmul(in_float64(w0))) * wide.matmul(in_float64(w2));
      EXPECT_LT(device_error(cuda::gated_hidden(x, w0, w2), expected), 2e-2);
      const AutocastGuard mixed(test_device(), torch::kBFloat16);
      const Tensor got = cuda::gated_hidden(x, w0, w2);
      EXPECT_EQ(got.scalar_type(), dtype);
      EXPECT_LT(device_error(got, expected), 2e-2);
    }
    const Tensor none =
        cuda::gated_hidden(shifted.slice(0, 0, 0), w0.slice(0, 0, 0), w2.slice(0, 0, 0));
    EXPECT_EQ(none.sizes(), at::IntArrayRef({0, 100, 128}));
  }
}

TEST_F(CudaKernel, LinearScanKeepsTheStatesAskedFor) {
  for (const int64_t size : {7, 64}) {
    const Tensor steps = on_test_device(torch::randn({2, 5, 3, size}), torch::kFloat32);
    const Tensor start = on_test_device(torch::randn({2, 3, size}), torch::kFloat32);
    const Tensor sums =
        torch::cat({in_float64(start).unsqueeze(1), in_float64(steps) * 0.5}, 1).cumsum(1);
    for (const torch::Dtype from : {torch::kFloat32, torch::kHalf}) {
      const auto [states, end] = cuda::linear_scan(steps.to(from),
                                                   {.start = start,
                                                    .scale = 0.5,
                                                    .first = 0,
                                                    .kept = 5,
                                                    .dtype = torch::kBFloat16,
                                                    .wants_end = true});
      EXPECT_LT(device_error(states, sums.slice(1, 0, 5)), 5e-3);
      EXPECT_LT(device_error(end, sums.select(1, 5)), from == torch::kHalf ? 1e-3 : 1e-6);
    }
    EXPECT_LT(
        device_error(cuda::linear_scan(steps.slice(1, 0, 3), {.start = start, .scale = 0.5}).states,
                     sums.slice(1, 1, 4)),
        1e-6);
    EXPECT_LT(device_error(cuda::linear_scan(steps, {.start = start, .scale = 0.5}).states,
                           sums.slice(1, 1)),
              1e-6);
  }
}

TEST_F(CudaKernel, NormaliseColumnsScalesEveryColumn) {
  const Tensor w = on_test_device(torch::randn({3, 50, 70}), torch::kFloat32);
  const Tensor norms = on_test_device(torch::rand({3, 1, 70}), torch::kFloat32);
  const Tensor exact = in_float64(w);
  const Tensor expected = exact / (exact.norm(2, {1}, true) + 1e-5) * in_float64(norms);
  EXPECT_LT(device_error(cuda::normalise_columns(w, norms, 1e-5), expected), 1e-5);
}

}  // namespace
}  // namespace parallax::testing
