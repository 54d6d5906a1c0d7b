// Bases of few tokens: what they are to be, whatever the tokens.
#include <gtest/gtest.h>

#include <limits>

#include "core/ttt/dispatch.h"
#include "core/ttt/token_basis.h"
#include "tests/kernel_cases.h"

namespace parallax::testing {
namespace {

Tensor product_of(const TokenBasis& basis) {
  return basis.r.to(torch::kFloat64)
      .transpose(-2, -1)
      .matmul(basis.q_transposed.to(torch::kFloat64));
}

double distance_from_orthonormal(const TokenBasis& basis) {
  const Tensor q = basis.q_transposed.to(torch::kFloat64);
  const Tensor gram = q.matmul(q.transpose(-2, -1));
  return (gram - torch::eye(gram.size(-1), torch::kFloat64)).abs().max().item<double>();
}

void expect_upper(const TokenBasis& basis) {
  EXPECT_TRUE(basis.r.equal(basis.r.triu())) << basis.r.sizes();
}

// One, too few to fill panels, several blocks, a ragged last one.
std::vector<Tensor> token_cases() {
  torch::manual_seed(21);
  return {normal({1, 1, 8}), normal({2, 5, 80}), normal({3, 64, 96}), normal({2, 2, 150, 210})};
}

TEST(TokenBasis, HouseholdersIsOrthonormal) {
  for (const Tensor& x : token_cases()) {
    const TokenBasis basis = householder_basis(x, torch::kFloat64);
    expect_upper(basis);
    EXPECT_LT(relative_difference(product_of(basis), x), 1e-13) << x.sizes();
    EXPECT_LT(distance_from_orthonormal(basis), 1e-13) << x.sizes();
  }
}

TEST(TokenBasis, CholeskysIsOrthonormalButForItsRaisedDiagonal) {
  for (const Tensor& x : token_cases()) {
    for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
      if (dtype == torch::kBFloat16 && !has_bfloat16_instructions()) {
        continue;
      }
      const Tensor tokens = x.to(dtype);
      for (const int threads : {1, 2}) {
        const ThreadCountGuard guard(threads);
        const TokenBasis basis = cholesky_basis(tokens);
        EXPECT_EQ(basis.q_transposed.sizes(), x.sizes());
        expect_upper(basis);
        EXPECT_LT(relative_difference(product_of(basis), tokens.to(torch::kFloat64)), 1e-6)
            << x.sizes();
        EXPECT_LT(distance_from_orthonormal(basis), 1e-3) << x.sizes();
      }
    }
  }
}

TEST(TokenBasis, CholeskysTakesTokensThatAreAlike) {
  torch::manual_seed(22);
  const Tensor base = normal({1, 1, 96});
  for (const double apart : {0.0, 1e-6, 1e-4, 1e-2}) {
    const Tensor x = (base + apart * normal({2, 70, 96})).to(torch::kFloat32);
    const TokenBasis basis = cholesky_basis(x);
    expect_upper(basis);
    EXPECT_LT(relative_difference(product_of(basis), x.to(torch::kFloat64)), 1e-6) << apart;
    EXPECT_LT(basis.q_transposed.norm(2, {-1}).max().item<float>(), 1.05F) << apart;
  }
}

// Which have no Cholesky factor.
TEST(TokenBasis, CholeskysTakesZerosAndTellsOfWhatIsNoNumber) {
  for (const int threads : {1, 2}) {
    const ThreadCountGuard guard(threads);
    const c10::InferenceMode inference;
    torch::manual_seed(23);
    Tensor x = torch::randn({2, 70, 96});
    x.slice(1, 10, 20).zero_();
    const TokenBasis basis = cholesky_basis(x);
    EXPECT_LT(relative_difference(product_of(basis), x.to(torch::kFloat64)), 1e-6);
    EXPECT_LT(distance_from_orthonormal(basis), 1e-3);
    x[1][3][5] = std::numeric_limits<float>::quiet_NaN();
    const Tensor q = cholesky_basis(x).q_transposed;
    EXPECT_TRUE(q[0].isfinite().all().item<bool>());
    EXPECT_TRUE(q[1].isnan().any().item<bool>());
  }
}

}  // namespace
}  // namespace parallax::testing
