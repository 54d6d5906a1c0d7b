// CUDA kernels and their operators on a GPU, against float64 on the CPU. Other tests run the
// kernels' bodies on the CPU; these say whether they were built and launched rightly.
#include <gtest/gtest.h>

#include "core/base/autocast.h"
#include "core/ops/cuda/lt_matmul.h"
#include "core/ops/cuda/operators.h"
#include "core/ops/elementwise/fused.h"
#include "tests/support/test_device.h"
#include "vision/models/vit3/block.h"

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

TEST_F(CudaKernel, RowsTimesTheirRates) {
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    for (const int64_t width : {7, 64, 384}) {
      const Tensor x = on_test_device(torch::randn({3, 50, width}), dtype);
      const Tensor rate = on_test_device(torch::rand({3, 50, 1}), dtype);
      EXPECT_LT(device_error(cuda::scaled_rows(x, rate), in_float64(x) * in_float64(rate)),
                dtype == torch::kFloat32 ? 1e-6 : 5e-3);
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

// The worst row's relative error: an average would hide a tile that is wrong.
double worst_row_error(const Tensor& got, const Tensor& expected) {
  const Tensor rows = in_float64(got) - expected;
  return (rows.norm(2, {-1}) / (expected.norm(2, {-1}) + 1e-3 * expected.abs().max()))
      .max()
      .item<double>();
}

// Both inner nets in float64 on the CPU, by LibTorch's operations.
Tensor inner_nets_in_float64(const Vit3Rule& rule,
                             const Tensor& packed,
                             const Tensor& rotations,
                             const std::vector<Tensor>& w,
                             const cuda::InnerNetsRule& sizes) {
  const KernelPathGuard reference(KernelPath::kReference);
  const Tensor x = in_float64(packed);
  const int64_t d = packed.size(2) / (3 * (sizes.heads + 1));
  const int64_t wide = sizes.heads * d;
  const HeadMode turn = rotations.defined() ? HeadMode::kRotate : HeadMode::kCopy;
  HeadSplit split{
      .heads = sizes.heads, .modes = {turn, turn, HeadMode::kCopy}, .heads_first = true};
  if (rotations.defined()) {
    split.rotations = rotations.to(torch::kFloat64);
  }
  std::vector<Tensor> heads = split_heads(x.slice(2, 0, 3 * wide), split);
  for (Tensor& part : heads) {
    part = part.view({sizes.heads, x.size(0), x.size(1), d});
  }
  std::vector<Tensor> grids;
  for (int part = 0; part < 3; ++part) {
    grids.push_back(x.slice(2, 3 * wide + part * d, 3 * wide + (part + 1) * d)
                        .reshape({x.size(0), sizes.rows, sizes.cols, d}));
  }
  const GluWeights start{in_float64(w[0]).unsqueeze(1), in_float64(w[1]).unsqueeze(1)};
  const Tensor w3 =
      train_convolution(rule, grids[0], grids[1], grids[2], in_float64(w[2]).view({d, 1, 3, 3}), 0);
  return torch::cat({train_and_apply_glu(rule, heads[0], heads[1], heads[2], start, 0),
                     apply_convolution(rule, grids[0], grids[1], w3).flatten(1, 2)},
                    -1);
}

// More images than run at once, ragged tiles of tokens, one token, many; with and without
// rotations; steps large and small.
TEST_F(CudaKernel, InnerNetsAreTrainedAndApplied) {
  struct Size {
    int64_t images, rows, cols, heads;
    double scale;
  };
  for (const Size& size : {Size{150, 14, 14, 6, 1},
                           Size{3, 3, 5, 2, 1},
                           Size{2, 1, 1, 1, 1},
                           Size{2, 56, 56, 2, 1},
                           Size{5, 7, 9, 4, 20},
                           Size{5, 8, 8, 16, 0.01}}) {
    for (const bool turns : {false, true}) {
      for (const char* variant : {"0", "ascent", "1", "6"}) {
        const Vit3Rule rule = find_vit3_variant(variant).rule;
        const cuda::InnerNetsRule sizes{.heads = size.heads, .rows = size.rows, .cols = size.cols};
        const int64_t tokens = size.rows * size.cols;
        const Tensor packed = on_test_device(
            size.scale * torch::randn({size.images, tokens, 3 * (size.heads + 1) * 32}),
            torch::kBFloat16);
        const Tensor rotations =
            turns ? rotary_table(size.rows, size.cols, size.heads * 32) : Tensor();
        const std::vector<Tensor> w = {
            on_test_device(0.3 * torch::randn({size.heads, 32, 32}), torch::kFloat32),
            on_test_device(0.2 * torch::randn({size.heads, 32, 32}), torch::kFloat32),
            on_test_device(torch::randn({32, 9}), torch::kFloat32)};
        const Tensor got =
            train_and_apply_at_once(rule,
                                    packed,
                                    turns ? on_test_device(rotations, torch::kFloat32) : rotations,
                                    {w[0].unsqueeze(1), w[1].unsqueeze(1)},
                                    w[2].view({32, 1, 3, 3}),
                                    {size.heads, size.rows, size.cols});
        ASSERT_TRUE(got.defined());
        const Tensor expected = inner_nets_in_float64(
            rule, packed, turns ? rotations.flatten(0, 1) : rotations, w, sizes);
        const std::string name =
            c10::str(size.images, "x", size.rows, "x", size.cols, " ", variant, " ", turns);
        // Large steps multiply roundings: up to 1.9e-2 on an H200.
        EXPECT_LT(device_error(got, expected), size.scale > 1 ? 4e-2 : 1e-2) << name;
        EXPECT_LT(worst_row_error(got, expected), 6e-2) << name;
        if (size.images * tokens > 10000) {
          break;  // the reference takes seconds
        }
      }
    }
  }
}

// What no kernel takes leaves it to LibTorch's operations.
TEST_F(CudaKernel, InnerNetsOfOtherSizesAreLeftAlone) {
  const cuda::InnerNetsRule sizes{.heads = 2, .rows = 4, .cols = 4};
  const auto packed = [](int64_t width, torch::Dtype dtype) {
    return on_test_device(torch::randn({2, 16, width}), dtype);
  };
  EXPECT_TRUE(cuda::takes_inner_nets(packed(288, torch::kBFloat16), sizes));
  EXPECT_FALSE(cuda::takes_inner_nets(packed(288, torch::kFloat32), sizes));
  EXPECT_FALSE(cuda::takes_inner_nets(packed(576, torch::kBFloat16), sizes));
  EXPECT_FALSE(cuda::takes_inner_nets(packed(289, torch::kBFloat16).slice(2, 1), sizes));
}

TEST_F(CudaKernel, TokenNormWithAndWithoutConvolution) {
  for (const int64_t width : {8, 64, 96, 192, 320, 448, 512, 768}) {
    for (const double shift : {0.0, 30.0}) {
      const Tensor x = on_test_device(torch::randn({5, 70, width}) + shift, torch::kBFloat16);
      const Tensor taps = on_test_device(torch::randn({width, 1, 3, 3}), torch::kBFloat16);
      const Tensor taps_bias = on_test_device(torch::randn({width}), torch::kBFloat16);
      const cuda::NormWeights norm{on_test_device(torch::randn({width}), torch::kBFloat16),
                                   on_test_device(torch::randn({width}), torch::kBFloat16),
                                   1e-6};
      const auto exact_norm = [&](const Tensor& y, bool biased) {
        return torch::layer_norm(
            y, {width}, in_float64(norm.weight), biased ? in_float64(norm.bias) : Tensor(), 1e-6);
      };
      ASSERT_TRUE(cuda::takes_token_norm(x, norm));
      EXPECT_LT(worst_row_error(cuda::token_norm(x, norm), exact_norm(in_float64(x), true)), 1e-2)
          << width;
      EXPECT_LT(worst_row_error(cuda::token_norm(x, {norm.weight, {}, 1e-6}),
                                exact_norm(in_float64(x), false)),
                1e-2)
          << width;
      const auto [sum, normed] = cuda::convolved_token_norm(x, 7, 10, taps, taps_bias, norm);
      const Tensor planes = in_float64(x).view({5, 7, 10, width}).permute({0, 3, 1, 2});
      const Tensor expected =
          (planes + torch::conv2d(planes, in_float64(taps), in_float64(taps_bias), 1, 1, 1, width))
              .permute({0, 2, 3, 1})
              .reshape({5, 70, width});
      EXPECT_LT(worst_row_error(sum, expected), 1e-2) << width;
      EXPECT_LT(worst_row_error(normed, exact_norm(in_float64(sum), true)), 1e-2) << width;
    }
  }
}

TEST_F(CudaKernel, LinearLayersAddToWhatTheyAreGiven) {
  for (const auto& [rows, in, out] :
       {std::tuple{50176, 224, 192}, std::tuple{33, 96, 64}, std::tuple{1, 768, 192}}) {
    const Tensor x = on_test_device(torch::randn({1, rows, in}), torch::kBFloat16);
    const Tensor w = on_test_device(torch::randn({out, in}), torch::kBFloat16);
    const Tensor b = on_test_device(20 * torch::randn({out}), torch::kBFloat16);
    const Tensor y = on_test_device(10 * torch::randn({1, rows, out}), torch::kBFloat16);
    ASSERT_TRUE(cuda::takes_lt_linear(x, w, b, y));
    for (const double sign : {1, -1}) {  // the second time with another bias
      const Tensor expected =
          in_float64(y) + in_float64(x).matmul(in_float64(w).t()) + sign * in_float64(b);
      EXPECT_LT(worst_row_error(cuda::lt_linear(x, w, sign * b, y), expected), 1e-2) << rows;
    }
  }
}

// Tiles that are full and ragged, one slice of the weights and several, each block one tile and
// many; arguments of GELU from one end to the other.
TEST_F(CudaKernel, LinearLayersThatEndInGelu) {
  for (const auto& [rows, in, out] : {std::tuple{64, 64, 256},
                                      std::tuple{391, 128, 512},
                                      std::tuple{50176, 192, 768},
                                      std::tuple{3000, 384, 1536},
                                      std::tuple{100, 320, 1280}}) {
    const Tensor x = on_test_device(torch::randn({1, rows, in}), torch::kBFloat16);
    const Tensor w =
        on_test_device(torch::randn({out, in}) * (2 / std::sqrt(in)), torch::kBFloat16);
    const Tensor b = on_test_device(2 * torch::randn({out}), torch::kBFloat16);
    if (!cuda::takes_gelu_linear(x, w, b)) {
      GTEST_SKIP() << "the kernel needs a Hopper GPU";
    }
    const Tensor exact = in_float64(x).matmul(in_float64(w).t()) + in_float64(b);
    const Tensor got = cuda::gelu_linear(x, w, b);
    EXPECT_LT(worst_row_error(got, torch::gelu(exact)), 1e-2) << rows;
    EXPECT_LT((in_float64(got) - torch::gelu(exact)).abs().max().item<double>(),
              4e-3 * exact.abs().max().item<double>())
        << rows;
  }
}

}  // namespace
}  // namespace parallax::testing
