// QR of the tokens, then the iteration on what remains.
#include "core/ops/newton_schulz/newton_schulz_low_rank.h"

#include <algorithm>

#include "core/ops/common/dispatch.h"
#include "core/ops/matmul/batched_matmul.h"
#include "core/ops/matmul/gemm.h"

namespace parallax {

bool has_low_rank_newton_schulz(const Tensor& left,
                                int64_t cols,
                                const NewtonSchulzOptions& options) {
  return has_fused_kernels(left) && options.steps > 0 && left.numel() > 0 &&
         options.precision != NewtonSchulzPrecision::kBfloat16 &&
         4 * left.size(-2) <= 3 * std::min(left.size(-1), cols);
}

OrthonormalBasis basis_for_newton_schulz(const Tensor& left,
                                         const NewtonSchulzOptions& options,
                                         torch::Dtype dtype) {
  const bool suits_cholesky = multiplies_in_bfloat16(left, options) &&
                              left.scalar_type() == torch::kBFloat16 && dtype == torch::kFloat32 &&
                              left.size(-2) >= kernels::kTileMultiple;
  return suits_cholesky ? cholesky_basis(left) : householder_basis(left, dtype);
}

std::vector<LowRankFactors> orthogonalise_factors(const OrthonormalBasis& left,
                                                  const std::vector<Tensor>& rights,
                                                  const NewtonSchulzOptions& options) {
  const auto& [q, r] = left;
  const auto dtype = r.scalar_type();
  const Tensor all = rights.size() == 1 ? rights.front().unsqueeze(0) : torch::stack(rights);
  const auto factors =
      options.precision == NewtonSchulzPrecision::kBfloat16Products ? all.scalar_type() : dtype;
  std::vector<int64_t> r_sizes = r.sizes().vec();
  r_sizes.insert(r_sizes.begin(), all.size(0));
  const Tensor reduced = batched_product(
      r.to(factors).expand(r_sizes), all.to(factors), {.result = dtype, .a_is_upper = true});
  std::vector<LowRankFactors> results;
  if (has_gram_newton_schulz(reduced, options) && takes_last_factor(reduced, q)) {
    const auto [lefts, orthogonal] = orthogonalise_low_rank(reduced, q, options);
    for (int64_t i = 0; i < reduced.size(0); ++i) {
      results.push_back({lefts[i], orthogonal[i]});
    }
  } else {
    for (const Tensor& orthogonal : orthogonalise(reduced, options).unbind(0)) {
      results.push_back({q, orthogonal});
    }
  }
  return results;
}

Tensor product_of_factors(const LowRankFactors& factors, const NewtonSchulzOptions& options) {
  const auto dtype = factors.right.scalar_type();
  const auto rounded = multiplies_in_bfloat16(factors.right, options) ? torch::kBFloat16 : dtype;
  return batched_product(
      factors.left.to(rounded).transpose(-2, -1), factors.right.to(rounded), {.result = dtype});
}

}  // namespace parallax
