// Orthonormal bases of few tokens: their properties, whatever the tokens.
#include <gtest/gtest.h>

#include <limits>

#include "core/ops/common/dispatch.h"
#include "core/ops/newton_schulz/newton_schulz_low_rank.h"
#include "core/ops/newton_schulz/orthonormal_basis.h"
#include "tests/support/kernel_cases.h"

namespace parallax::testing {
namespace {

Tensor product_of(const OrthonormalBasis& basis) {
  return basis.r.to(torch::kFloat64)
      .transpose(-2, -1)
      .matmul(basis.q_transposed.to(torch::kFloat64));
}

double distance_from_orthonormal(const OrthonormalBasis& basis) {
  const Tensor q = basis.q_transposed.to(torch::kFloat64);
  const Tensor gram = q.matmul(q.transpose(-2, -1));
  return (gram - torch::eye(gram.size(-1), torch::kFloat64)).abs().max().item<double>();
}

void expect_upper(const OrthonormalBasis& basis) {
  EXPECT_TRUE(basis.r.equal(basis.r.triu())) << basis.r.sizes();
}

// One token, too few to fill panels, several blocks, a ragged last block.
std::vector<Tensor> token_cases() {
  torch::manual_seed(21);
  return {normal({1, 1, 8}), normal({2, 5, 80}), normal({3, 64, 96}), normal({2, 2, 150, 210})};
}

TEST(OrthonormalBasis, HouseholdersIsOrthonormal) {
  for (const Tensor& x : token_cases()) {
    const OrthonormalBasis basis = householder_basis(x, torch::kFloat64);
    expect_upper(basis);
    EXPECT_LT(relative_difference(product_of(basis), x), 1e-13) << x.sizes();
    EXPECT_LT(distance_from_orthonormal(basis), 1e-13) << x.sizes();
  }
}

class CholeskyBasis : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_bfloat16_instructions()) {
      GTEST_SKIP() << "needs bfloat16 instructions";
    }
  }
};

// Whether the basis came from Cholesky: Householder's has different signs.
bool is_of_cholesky(const OrthonormalBasis& basis) {
  return basis.r.diagonal(0, -2, -1).gt(0).all().item<bool>();
}

TEST_F(CholeskyBasis, IsOrthonormal) {
  for (const Tensor& x : token_cases()) {
    const Tensor tokens = x.to(torch::kBFloat16);
    for (const int threads : {1, 2}) {
      const ThreadCountGuard guard(threads);
      const OrthonormalBasis basis = cholesky_basis(tokens);
      EXPECT_TRUE(is_of_cholesky(basis)) << x.sizes();
      EXPECT_EQ(basis.q_transposed.sizes(), x.sizes());
      expect_upper(basis);
      EXPECT_LT(relative_difference(product_of(basis), tokens.to(torch::kFloat64)), 1e-6)
          << x.sizes();
      EXPECT_LT(distance_from_orthonormal(basis), 1e-4) << x.sizes();
    }
  }
}

// The Gram matrix of tokens that hardly differ has lost digits.
TEST_F(CholeskyBasis, IsHouseholdersWhereTokensAreAlike) {
  torch::manual_seed(22);
  const Tensor base = normal({1, 1, 768});
  for (const double apart : {0.0, 1e-3, 1e-2, 0.1, 1.0}) {
    const Tensor x = (base + apart * normal({2, 384, 768})).to(torch::kBFloat16);
    const OrthonormalBasis basis = cholesky_basis(x);
    EXPECT_EQ(is_of_cholesky(basis), apart > 0.05) << apart;
    expect_upper(basis);
    EXPECT_LT(relative_difference(product_of(basis), x.to(torch::kFloat64)), 1e-5) << apart;
    EXPECT_LT(distance_from_orthonormal(basis), 1e-2) << apart;
  }
}

// Pairs of tokens whose common part cancels, so that only their difference remains.
TEST_F(CholeskyBasis, ServesNewtonSchulzAsHouseholdersDoes) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(24);
  const NewtonSchulzOptions options{.precision = NewtonSchulzPrecision::kBfloat16Products};
  const Tensor first = normal({1, 32, 256});
  const Tensor h = normal({1, 32, 320}).to(torch::kBFloat16);
  const Tensor right = torch::cat({h, -h}, 1);
  for (const double apart : {3e-3, 1e-2, 3e-2, 0.1, 1.0}) {
    const Tensor left =
        torch::cat({first, first + apart * normal({1, 32, 256})}, 1).to(torch::kBFloat16);
    const Tensor gradient =
        left.to(torch::kFloat64).transpose(1, 2).matmul(right.to(torch::kFloat64));
    const Tensor expected = orthogonalise(gradient, {});
    const auto error = [&](const OrthonormalBasis& basis) {
      const LowRankFactors factors = orthogonalise_factors(basis, {right}, options).front();
      return relative_difference(product_of_factors(factors, options), expected);
    };
    EXPECT_LT(error(cholesky_basis(left)),
              1.2 * error(householder_basis(left, torch::kFloat32)) + 1e-3)
        << apart;
  }
}

TEST(OrthonormalBasis, CholeskysIsForWhatBfloat16Holds) {
  torch::manual_seed(25);
  const Tensor x = torch::randn({1, 40, 64});
  for (const auto precision :
       {NewtonSchulzPrecision::kWorking, NewtonSchulzPrecision::kBfloat16Products}) {
    const NewtonSchulzOptions options{.precision = precision};
    EXPECT_TRUE(basis_for_newton_schulz(x, options, torch::kFloat32)
                    .r.equal(householder_basis(x, torch::kFloat32).r));
    const Tensor low = x.to(torch::kBFloat16);
    EXPECT_EQ(is_of_cholesky(basis_for_newton_schulz(low, options, torch::kFloat32)),
              has_bfloat16_instructions() && precision == NewtonSchulzPrecision::kBfloat16Products);
  }
}

// Zeros have no Cholesky factor.
TEST_F(CholeskyBasis, TakesZerosAndTellsOfWhatIsNoNumber) {
  for (const int threads : {1, 2}) {
    const ThreadCountGuard guard(threads);
    const c10::InferenceMode inference;
    torch::manual_seed(23);
    Tensor x = torch::randn({2, 70, 96}).to(torch::kBFloat16);
    x.slice(1, 10, 20).zero_();
    const OrthonormalBasis basis = cholesky_basis(x);
    EXPECT_LT(relative_difference(product_of(basis), x.to(torch::kFloat64)), 1e-6);
    EXPECT_LT(distance_from_orthonormal(basis), 1e-3);
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      Tensor with_bad = x.clone();
      with_bad[1][3][5] = bad;
      const Tensor q = cholesky_basis(with_bad).q_transposed;
      EXPECT_TRUE(q[0].isfinite().all().item<bool>()) << bad;
      EXPECT_TRUE(q[1].isnan().any().item<bool>()) << bad;
    }
    // Values whose square overflows.
    Tensor large = torch::randn({1, 33, 64}).to(torch::kBFloat16);
    large[0][4] *= 1e25;
    EXPECT_LT(distance_from_orthonormal(cholesky_basis(large)), 1e-3);
  }
}

}  // namespace
}  // namespace parallax::testing
