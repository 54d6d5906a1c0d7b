// The bodies of the CUDA kernels for tokens, run on the CPU with a host thread per GPU thread:
// against plain loops in float64.
#include <gtest/gtest.h>

#include <cmath>

#include "core/ops/cuda/gated_product.h"
#include "core/ops/cuda/inner_nets_kernels.h"
#include "core/ops/cuda/token_kernels.h"
#include "tests/support/block_numbers.h"
#include "tests/support/host_warp.h"

namespace parallax::testing {
namespace {

using kernels::BFloat16Bits;

constexpr int kD = cuda::kInnerWidth;
constexpr int kNine = kernels::kTaps;

double exact_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// A problem of the inner nets and its answer, by the formulas of InnerNets.
class InnerNetsCase {
 public:
  InnerNetsCase(int images, int rows, int cols, int heads, bool turns)
      : images_(images),
        rows_(rows),
        cols_(cols),
        heads_(heads),
        packed_(stored<BFloat16Bits>(normal(images * tokens() * packed_width(), 1))),
        w1_(stored<float>(normal(heads * kD * kD, 2))),
        w2_(stored<float>(normal(heads * kD * kD, 3))),
        w3_(stored<float>(normal(kD * kNine, 4))),
        out_(static_cast<size_t>(images * tokens() * out_width())) {
    for (float& w : w2_) {
      w *= 0.2F;
    }
    for (int i = 0; turns && i < tokens() * heads * kD / 2; ++i) {
      rotations_.push_back(static_cast<float>(std::cos(0.37 * i)));
      rotations_.push_back(static_cast<float>(std::sin(0.37 * i)));
    }
  }

  cuda::InnerNets arguments() {
    return {.images = images_,
            .rows = rows_,
            .cols = cols_,
            .heads = heads_,
            .scale = 1 / (3 * static_cast<float>(tokens())),
            .packed = packed_.data(),
            .packed_stride = packed_width(),
            .rotations = rotations_.empty() ? nullptr : rotations_.data(),
            .w1 = w1_.data(),
            .w2 = w2_.data(),
            .w3 = w3_.data(),
            .out = out_.data()};
  }

  const std::vector<BFloat16Bits>& out() const { return out_; }

  Numbers expected(const cuda::InnerNets& k) const {
    Numbers out(out_.size());
    for (int image = 0; image < images_; ++image) {
      for (int head = 0; head < heads_; ++head) {
        apply_glu(k, image, head, out);
      }
      apply_taps(k, image, out);
    }
    return out;
  }

 private:
  int tokens() const { return rows_ * cols_; }
  int packed_width() const { return 3 * (heads_ + 1) * kD; }
  int out_width() const { return (heads_ + 1) * kD; }

  double at(int image, int token, int column) const {
    return cuda::load(
        packed_[static_cast<size_t>((image * tokens() + token) * packed_width() + column)]);
  }

  // Channel c of part `which` of a head, rotated and rounded as the kernels for heads do it.
  double turned(int which, int image, int head, int token, int c) const {
    const int column = (which * heads_ + head) * kD;
    if (rotations_.empty() || which == 2) {
      return at(image, token, column + c);
    }
    const size_t pair = static_cast<size_t>((token * heads_ + head) * kD + c / 2 * 2);
    const double cosine = rotations_[pair];
    const double sine = rotations_[pair + 1];
    const double x = at(image, token, column + c / 2 * 2);
    const double y = at(image, token, column + c / 2 * 2 + 1);
    BFloat16Bits rounded;
    cuda::store(static_cast<float>(c % 2 == 0 ? cosine * x - sine * y : sine * x + cosine * y),
                rounded);
    return cuda::load(rounded);
  }

  Numbers times(int which, int image, int head, const Numbers& w) const {  // → [tokens, kD]
    Numbers y(static_cast<size_t>(tokens() * kD));
    for (int t = 0; t < tokens(); ++t) {
      for (int i = 0; i < kD; ++i) {
        const double x = turned(which, image, head, t, i);
        for (int j = 0; j < kD; ++j) {
          y[t * kD + j] += x * w[i * kD + j];
        }
      }
    }
    return y;
  }

  Numbers outer(int image, int head, const Numbers& z) const {  // kᵀ z → [kD, kD]
    Numbers g(kD * kD);
    for (int t = 0; t < tokens(); ++t) {
      for (int i = 0; i < kD; ++i) {
        for (int j = 0; j < kD; ++j) {
          g[i * kD + j] += turned(1, image, head, t, i) * z[t * kD + j];
        }
      }
    }
    return g;
  }

  static void step(const cuda::InnerNets& k, const Numbers& g, Numbers& w) {
    for (int j = 0; j < kD; ++j) {
      double square = 0;
      for (int i = 0; i < kD; ++i) {
        square += std::pow(k.scale * g[i * kD + j], 2);
      }
      const double factor = k.normalised ? 1 / (std::sqrt(square) + 1) : 1;
      for (int i = 0; i < kD; ++i) {
        w[i * kD + j] += k.sign * factor * k.scale * g[i * kD + j];
      }
    }
  }

  void apply_glu(const cuda::InnerNets& k, int image, int head, Numbers& out) const {
    const auto matrix = [&](const std::vector<float>& w) {
      return Numbers(w.begin() + head * kD * kD, w.begin() + (head + 1) * kD * kD);
    };
    Numbers w1 = matrix(w1_);
    Numbers w2 = matrix(w2_);
    const Numbers m = times(1, image, head, w1);
    const Numbers a = times(1, image, head, w2);
    Numbers dm(m.size());
    Numbers da(m.size());
    for (int i = 0; i < tokens() * kD; ++i) {
      const double v = turned(2, image, head, i / kD, i % kD);
      const double sigma = exact_sigmoid(a[i]);
      dm[i] = v * a[i] * sigma;
      da[i] = v * m[i] * sigma * (1 + a[i] * (1 - sigma));
    }
    step(k, outer(image, head, dm), w1);
    if (k.trains_gate) {
      step(k, outer(image, head, da), w2);
    }
    const int which = k.applies_to_keys ? 1 : 0;
    const Numbers linear = times(which, image, head, w1);
    const Numbers gate = times(which, image, head, w2);
    for (int i = 0; i < tokens() * kD; ++i) {
      out[(image * tokens() + i / kD) * out_width() + head * kD + i % kD] =
          linear[i] * gate[i] * exact_sigmoid(gate[i]);
    }
  }

  // Channel c of part `which` of the convolution, at a place that may be outside.
  double pixel(int which, int image, int row, int col, int c) const {
    const bool inside = row >= 0 && row < rows_ && col >= 0 && col < cols_;
    return inside ? at(image, row * cols_ + col, (3 * heads_ + which) * kD + c) : 0;
  }

  void apply_taps(const cuda::InnerNets& k, int image, Numbers& out) const {
    for (int c = 0; c < kD; ++c) {
      Numbers steps(kNine);
      double square = 0;
      for (int tap = 0; tap < kNine; ++tap) {
        for (int t = 0; t < tokens(); ++t) {
          const int row = t / cols_;
          const int col = t % cols_;
          steps[tap] += k.scale * pixel(2, image, row, col, c) *
                        pixel(1, image, row + tap / 3 - 1, col + tap % 3 - 1, c);
        }
        square += steps[tap] * steps[tap];
      }
      for (int t = 0; t < tokens(); ++t) {
        double sum = 0;
        for (int tap = 0; tap < kNine; ++tap) {
          sum += (w3_[c * kNine + tap] + steps[tap] / (std::sqrt(square) + 1)) *
                 pixel(k.applies_to_keys ? 1 : 0,
                       image,
                       t / cols_ + tap / 3 - 1,
                       t % cols_ + tap % 3 - 1,
                       c);
        }
        out[(image * tokens() + t) * out_width() + heads_ * kD + c] = sum;
      }
    }
  }

  int images_, rows_, cols_, heads_;
  std::vector<BFloat16Bits> packed_;
  std::vector<float> w1_, w2_, w3_;
  std::vector<float> rotations_;
  std::vector<BFloat16Bits> out_;
};

void check_inner_nets(InnerNetsCase& problem, const cuda::InnerNets& k) {
  run_warps(cuda::inner_nets_grid(k), [&](auto& thread) { cuda::inner_nets(thread, k); });
  expect_near(loaded(problem.out()), problem.expected(k), 1e-2);
}

TEST(CudaTokenKernels, InnerNetsOfRaggedGrids) {
  for (const auto& [rows, cols] : {std::pair{14, 14}, std::pair{1, 1}, std::pair{3, 5}}) {
    InnerNetsCase problem(1, rows, cols, 2, false);
    check_inner_nets(problem, problem.arguments());
  }
}

TEST(CudaTokenKernels, InnerNetsOfEveryRule) {
  InnerNetsCase problem(2, 3, 6, 1, true);
  cuda::InnerNets k = problem.arguments();
  check_inner_nets(problem, k);
  k.normalised = false;
  k.sign = -1;
  check_inner_nets(problem, k);
  k.trains_gate = false;
  k.applies_to_keys = true;
  check_inner_nets(problem, k);
}

TEST(CudaTokenKernels, NormOfTokensAndTheirConvolution) {
  for (const int width : {8, 72, 192, 320}) {
    for (const bool convolves : {false, true}) {
      const int rows = 3;
      const int cols = 7;
      const int tokens = 2 * rows * cols;
      const auto x = stored<BFloat16Bits>(normal(tokens * width, 1));
      const auto taps = stored<BFloat16Bits>(normal(width * kNine, 2));
      const auto shift = stored<BFloat16Bits>(normal(width, 3));
      const auto weight = stored<BFloat16Bits>(normal(width, 4));
      const auto bias = stored<BFloat16Bits>(normal(width, 5));
      std::vector<BFloat16Bits> sum(x.size());
      std::vector<BFloat16Bits> normed(x.size());
      const cuda::TokenNorm k{.images = 2,
                              .rows = rows,
                              .cols = cols,
                              .width = width,
                              .x = x.data(),
                              .taps = convolves ? taps.data() : nullptr,
                              .taps_bias = shift.data(),
                              .sum = sum.data(),
                              .weight = weight.data(),
                              .bias = convolves ? bias.data() : nullptr,
                              .eps = 1e-5F,
                              .normed = normed.data()};
      Numbers sums(x.size());
      Numbers expected(x.size());
      for (int token = 0; token < tokens; ++token) {
        const int row = token / cols % rows;
        const int col = token % cols;
        double mean = 0;
        for (int c = 0; c < width; ++c) {
          double& value = sums[token * width + c];
          value = cuda::load(x[token * width + c]);
          for (int tap = 0; convolves && tap < kNine; ++tap) {
            const int down = tap / 3 - 1;
            const int right = tap % 3 - 1;
            if (row + down >= 0 && row + down < rows && col + right >= 0 && col + right < cols) {
              value += cuda::load(taps[c * kNine + tap]) *
                       cuda::load(x[(token + down * cols + right) * width + c]);
            }
          }
          value += convolves ? cuda::load(shift[c]) : 0;
          mean += value / width;
        }
        double square = 0;
        for (int c = 0; c < width; ++c) {
          square += std::pow(sums[token * width + c] - mean, 2) / width;
        }
        for (int c = 0; c < width; ++c) {
          expected[token * width + c] =
              (sums[token * width + c] - mean) / std::sqrt(square + 1e-5) * cuda::load(weight[c]) +
              (convolves ? cuda::load(bias[c]) : 0);
        }
      }
      run_warps(cuda::token_norm_grid(k), [&](auto& thread) {
        const auto run = [&](auto vectors) {
          convolves ? cuda::token_norm<vectors, true>(thread, k)
                    : cuda::token_norm<vectors, false>(thread, k);
        };
        cuda::norm_vectors(width) == 1 ? run(std::integral_constant<int, 1>())
                                       : run(std::integral_constant<int, 3>());
      });
      expect_near(loaded(normed), expected, 1e-2);
      if (convolves) {
        expect_near(loaded(sum), sums, 1e-2);
      }
    }
  }
}

TEST(CudaTokenKernels, PatchesAreRows) {
  const int channels = 3;
  const int rows = 16;
  const int cols = 48;
  for (const int patch : {8, 16}) {
    std::vector<BFloat16Bits> x(2 * channels * rows * cols);
    for (size_t i = 0; i < x.size(); ++i) {
      x[i].bits = static_cast<std::uint16_t>(i);
    }
    std::vector<BFloat16Bits> out(x.size());
    const cuda::PatchRows k{.images = 2,
                            .channels = channels,
                            .rows = rows,
                            .cols = cols,
                            .patch = patch,
                            .x = x.data(),
                            .out = out.data()};
    run_sequentially(cuda::patch_rows_grid(k), [&](auto& block) { cuda::patch_rows(block, k); });
    size_t at = 0;
    for (int image = 0; image < 2; ++image) {
      for (int token = 0; token < rows / patch * (cols / patch); ++token) {
        for (int i = 0; i < channels * patch * patch; ++i, ++at) {
          const int channel = i / (patch * patch);
          const int row = token / (cols / patch) * patch + i / patch % patch;
          const int col = token % (cols / patch) * patch + i % patch;
          ASSERT_EQ(out[at].bits, ((image * channels + channel) * rows + row) * cols + col);
        }
      }
    }
  }
}

// A warp group's tile whose last rows do not exist, in the second slice of the columns.
TEST(CudaTokenKernels, GeluOutputsGoWhereTheirSumsBelong) {
  constexpr int kOutputs = 2 * cuda::kGateColumns;
  constexpr int kRows = cuda::kGateRows + 41;  // the second tile is ragged
  const auto bias = stored<BFloat16Bits>(normal(kOutputs, 1));
  const Numbers sums = normal(cuda::kGateRows * cuda::kGateColumns, 2);
  std::vector<BFloat16Bits> h(kRows * kOutputs, BFloat16Bits{0x7FC0});  // NaN
  const cuda::GeluLinear k{.rows = kRows, .outputs = kOutputs, .bias = bias.data(), .h = h.data()};
  run_warps({.blocks = 1, .threads = 128, .shared_bytes = 0}, [&](auto& thread) {
    float d[128];
    for (int i = 0; i < 128; ++i) {
      const cuda::SumPosition at = cuda::sum_position(thread.index(), i);
      d[i] = static_cast<float>(sums[at.row * cuda::kGateColumns + at.column]);
    }
    cuda::store_gelu(thread, k, d, cuda::kGateRows, 1, thread.index());
  });
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kOutputs; ++column) {
      const float got = cuda::load(h[row * kOutputs + column]);
      if (row < cuda::kGateRows || column < cuda::kGateColumns) {
        ASSERT_TRUE(std::isnan(got)) << row << " " << column;
        continue;
      }
      const double x =
          sums[(row - cuda::kGateRows) * cuda::kGateColumns + column - cuda::kGateColumns] +
          cuda::load(bias[column]);
      ASSERT_NEAR(got, 0.5 * x * std::erfc(-x / std::sqrt(2.0)), 1e-6 + 4e-3 * std::abs(x));
    }
  }
}

}  // namespace
}  // namespace parallax::testing
