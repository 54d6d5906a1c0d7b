// Newton–Schulz iteration, and the same iteration written as a right factor.
#include "core/ops/newton_schulz/newton_schulz.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/ops/newton_schulz/newton_schulz_autograd.h"
#include "core/ops/newton_schulz/newton_schulz_cuda.h"
#include "core/ops/newton_schulz/newton_schulz_gram.h"

namespace parallax {
namespace {

Tensor frobenius_scale(const Tensor& gradient) {     // [..., rows, cols] → [..., 1, 1]
  if (gradient.scalar_type() == torch::kBFloat16) {  // with the published code's rounding
    return gradient.norm(2, {-2, -1}, true) + kFrobeniusEps;
  }
  // Along one dense dimension LibTorch's norm is ten times as fast as along two.
  const Tensor rows = gradient.stride(-1) == 1 ? gradient : gradient.transpose(-2, -1);
  return rows.flatten(-2).norm(2, {-1}, true).unsqueeze(-1) + kFrobeniusEps;
}

}  // namespace

const QuinticCoefficients& coefficients_of_step(const NewtonSchulzOptions& options, int step) {
  return options.coefficients.at(std::min<size_t>(step, options.coefficients.size() - 1));
}

NewtonSchulzPrecision parse_newton_schulz_precision(const std::string& name) {
  if (name == "float32") {
    return NewtonSchulzPrecision::kWorking;
  }
  if (name == "bfloat16") {
    return NewtonSchulzPrecision::kBfloat16Products;
  }
  if (name == "published") {
    return NewtonSchulzPrecision::kBfloat16;
  }
  throw UsageError(ErrorParts{.what = "there is no such precision of Newton-Schulz",
                              .expected = "float32, bfloat16 or published",
                              .got = "'" + name + "'"});
}

Tensor orthogonalise(const Tensor& gradient, const NewtonSchulzOptions& options) {
  if (has_gram_newton_schulz(gradient, options)) {
    return orthogonalise_gram(gradient, options);
  }
  if (has_cuda_newton_schulz(gradient, options)) {
    return orthogonalise_cuda(gradient, options).to(gradient.scalar_type());
  }
  if (has_autograd_newton_schulz(gradient, options)) {
    return orthogonalise_autograd(gradient, options);
  }
  const int64_t excess_rows = gradient.size(-2) - gradient.size(-1);
  const bool transposed = excess_rows > 0 || (excess_rows == 0 && options.transpose_square);
  Tensor x = options.precision == NewtonSchulzPrecision::kBfloat16 ? gradient.to(torch::kBFloat16)
                                                                   : gradient;
  if (transposed) {
    x = x.transpose(-2, -1);
  }
  x = x / frobenius_scale(x);
  for (int step = 0; step < options.steps; ++step) {
    const auto& [a, b, c] = coefficients_of_step(options, step);
    const Tensor gram = x.matmul(x.transpose(-2, -1));
    // Rounds in the published code's order, which matters in bfloat16.
    const Tensor polynomial = b * gram + (c * gram).matmul(gram);
    x = a * x + polynomial.matmul(x);
  }
  if (transposed) {
    x = x.transpose(-2, -1);
  }
  return x.to(gradient.scalar_type());
}

Tensor orthogonalising_factor(const Tensor& gradient, const NewtonSchulzOptions& options) {
  const Tensor scale = frobenius_scale(gradient);
  const Tensor eye = torch::eye(gradient.size(-1), gradient.options());
  Tensor factor = eye / scale;
  Tensor x = gradient / scale;
  for (int step = 0; step < options.steps; ++step) {
    const auto& [a, b, c] = coefficients_of_step(options, step);
    // (XXᵀ)X = X(XᵀX), so the left polynomial of the iteration equals this right one.
    const Tensor gram = x.transpose(-2, -1).matmul(x);
    const Tensor polynomial = a * eye + b * gram + c * gram.matmul(gram);
    x = x.matmul(polynomial);
    factor = factor.matmul(polynomial);
  }
  return factor;
}

}  // namespace parallax
