// The weight-normalisation kernel against the same computation in LibTorch operations.
#include <gtest/gtest.h>

#include <limits>

#include "core/ttt/weight_norm.h"
#include "tests/support/kernel_cases.h"

namespace parallax::testing {
namespace {

struct Matrices {
  Tensor main, step, norms;

  Matrices to(torch::Dtype dtype) const {
    return {main.to(dtype), step.to(dtype), norms.to(dtype)};
  }
};

// Ragged in rows and blocks of columns, with a column of zeros.
Matrices matrices(int64_t count, int64_t rows, int64_t cols) {
  Matrices m{
      normal({count, rows, cols}), normal({count, rows, cols}), normal({count, 1, cols}).abs()};
  m.main.select(2, cols / 2).zero_();
  m.step.select(2, cols / 2).zero_();
  return m;
}

UpdateRule rule_of(WeightNorm weight_norm, Direction direction) {
  UpdateRule rule;
  rule.switches.weight_norm = weight_norm;
  rule.switches.direction = direction;
  return rule;
}

SteppedWeights run(KernelPath path, const UpdateRule& rule, const Matrices& m) {
  const KernelPathGuard guard(path);
  return add_and_normalise(rule, m.main, m.step, m.norms);
}

TEST(WeightNorm, KernelsAreTheReference) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(31);
  for (const auto& [count, rows, cols] :
       {std::array<int64_t, 3>{1, 7, 5}, {3, 40, 300}, {2, 64, 512}}) {
    const Matrices m = matrices(count, rows, cols);
    for (const auto norm : {WeightNorm::kPost, WeightNorm::kPre}) {
      for (const auto direction : {Direction::kDescent, Direction::kAscent}) {
        const UpdateRule rule = rule_of(norm, direction);
        const SteppedWeights expected = run(KernelPath::kReference, rule, m);
        for (const KernelPath path : fused_paths()) {
          const SteppedWeights got = run(path, rule, m);
          EXPECT_LT(relative_difference(got.normalised, expected.normalised), 1e-14);
          EXPECT_EQ(got.sum.defined(), norm == WeightNorm::kPre);
          if (got.sum.defined()) {
            EXPECT_LT(relative_difference(got.sum, expected.sum), 1e-15);
          }
          const SteppedWeights single = run(path, rule, m.to(torch::kFloat32));
          EXPECT_LT(relative_difference(single.normalised, expected.normalised), 1e-6);
        }
      }
    }
  }
}

TEST(WeightNorm, TakesStatesOfAllRangesAndTurnedMatrices) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(32);
  const UpdateRule rule = rule_of(WeightNorm::kPre, Direction::kDescent);
  const Tensor states = normal({2, 3, 40, 24});
  const Tensor norms = normal({2, 1, 1, 24}).abs();
  const Matrices m = matrices(2, 24, 40);
  const Matrices turned{m.main.transpose(1, 2), m.step.transpose(1, 2), normal({2, 1, 24}).abs()};
  const auto run_all = [&](KernelPath path) {
    const KernelPathGuard guard(path);
    return std::vector<Tensor>{normalise_columns(rule, states, norms),
                               normalise_columns(rule, states, norms.expand({2, 3, 1, 24})),
                               run(path, rule, turned).normalised};
  };
  const std::vector<Tensor> expected = run_all(KernelPath::kReference);
  for (const KernelPath path : fused_paths()) {
    const std::vector<Tensor> got = run_all(path);
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_LT(relative_difference(got[i], expected[i]), 1e-14) << i;
    }
  }
}

TEST(WeightNorm, GradientsAreTheReference) {
  torch::manual_seed(33);
  const Matrices m = matrices(2, 20, 12);
  const UpdateRule rule = rule_of(WeightNorm::kPost, Direction::kDescent);
  const auto gradient = [&](KernelPath path) {
    const KernelPathGuard guard(path);
    const Tensor leaf = m.main.clone().requires_grad_(true);
    add_and_normalise(rule, leaf, m.step, m.norms).normalised.square().sum().backward();
    return leaf.grad();
  };
  const Tensor expected = gradient(KernelPath::kReference);
  EXPECT_GT(expected.abs().max().item<double>(), 0);
  for (const KernelPath path : fused_paths()) {
    EXPECT_LT(relative_difference(gradient(path), expected), 1e-13);
  }
}

TEST(WeightNorm, NanStaysInItsColumn) {
  const torch::NoGradGuard no_grad;
  const UpdateRule rule = rule_of(WeightNorm::kPost, Direction::kDescent);
  const Matrices m{torch::ones({1, 6, 5}), torch::ones({1, 6, 5}), torch::ones({1, 1, 5})};
  m.main[0][2][3] = std::numeric_limits<float>::quiet_NaN();
  for (const KernelPath path : available_kernel_paths()) {
    const Tensor got = run(path, rule, m).normalised;
    EXPECT_TRUE(got.select(2, 3).isnan().all().item<bool>());
    EXPECT_EQ(got.isnan().sum().item<int64_t>(), 6);
  }
}

TEST(WeightNorm, ThreadsShareTheColumns) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(34);
  const Matrices m = matrices(1, 300, 1000).to(torch::kFloat32);
  const UpdateRule rule = rule_of(WeightNorm::kPost, Direction::kDescent);
  const auto with_threads = [&](int threads) {
    const ThreadCountGuard guard(threads);
    return add_and_normalise(rule, m.main, m.step, m.norms).normalised;
  };
  EXPECT_TRUE(with_threads(3).equal(with_threads(1)));
}

}  // namespace
}  // namespace parallax::testing
