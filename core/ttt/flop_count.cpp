// FLOP counts from the formulas of docs/dev/spec.md §2.
#include "core/ttt/flop_count.h"

#include <algorithm>

#include "core/ops/newton_schulz/newton_schulz_gram.h"

namespace parallax {
namespace {

// One [rows, inner] × [inner, cols] product.
double product(double rows, double inner, double cols) { return 2 * rows * inner * cols; }

double newton_schulz_operations(const NewtonSchulzOptions& options, double rows, double cols) {
  const double n = std::min(rows, cols);
  const double m = std::max(rows, cols);
  const double gram = product(n, m, n) / 2;
  const double square = product(n, n, n) / 2;
  const double as_written = options.steps * (gram + square + product(n, n, m));
  // Per block: the Gram matrix and the product with X; A² in each step, R F in all but the first, A
  // R and R W in all but the last.
  double on_gram = 0;
  int block = 0;
  for (int left = options.steps; left > 0; left -= block) {
    block = steps_of_gram_block(left);
    on_gram += gram + product(n, n, m) + (block + 3 * (block - 1)) * square;
  }
  return std::min(as_written, on_gram);
}

// QR of [tokens, side] by Householder (LAPACK's counts for it and for forming Q) or, where bfloat16
// suffices, by Cholesky: the Gram matrix, its factorisation, a triangular solve.
double basis_operations(const NewtonSchulzOptions& options, double tokens, double side) {
  if (options.precision == NewtonSchulzPrecision::kBfloat16Products) {
    return product(tokens, side, tokens) + tokens * tokens * tokens / 3;
  }
  return 4 * tokens * tokens * (side - tokens / 3);
}

// Orthogonalising a gradient that is a sum over tokens: the whole matrix or, where that is less,
// its factor on one side after a QR of the other.
double orthogonal_step_operations(const NewtonSchulzOptions& options,
                                  const LayerShape& shape,
                                  double tokens) {
  const auto side = static_cast<double>(std::min(shape.width, shape.hidden));
  const auto wide = static_cast<double>(std::max(shape.width, shape.hidden));
  const double whole = newton_schulz_operations(options, side, wide);
  if (tokens >= side) {
    return whole;
  }
  return std::min(whole,
                  basis_operations(options, tokens, side) + product(tokens, tokens, wide) +
                      newton_schulz_operations(options, tokens, wide));
}

double update_operations(const VariantSwitches& rule, const LayerShape& shape, double tokens) {
  const auto d = static_cast<double>(shape.width);
  const auto h = static_cast<double>(shape.hidden);
  const double one = product(tokens, d, h);
  if (rule.feature_map == FeatureMap::kIdentity) {
    return rule.loss == InnerLoss::kMse ? 2 * one : one;  // Kᵀ V, and K W1 for the residual
  }
  double products = 3;                            // K W0, K W2, Hᵀ V
  products += updates_feature_map(rule) ? 3 : 0;  // V W1ᵀ and two gradients
  products += rule.loss == InnerLoss::kMse ? 1 : 0;
  return products * one;
}

}  // namespace

double matmul_flops(const VariantSwitches& rule,
                    const NewtonSchulzOptions& newton_schulz,
                    const LayerShape& shape,
                    const Schedule& schedule) {
  const auto d = static_cast<double>(shape.width);
  const auto h = static_cast<double>(shape.hidden);
  const double apply_products = rule.feature_map == FeatureMap::kIdentity ? 1 : 3;
  double total = 0;
  for (const ScheduleStep& step : schedule) {
    const auto tokens = static_cast<double>(step.end - step.start);
    if (step.update) {
      double update = update_operations(rule, shape, tokens);
      if (rule.normalise_gradient) {
        update += orthogonal_step_operations(newton_schulz, shape, tokens) *
                  (updates_feature_map(rule) ? 3 : 1);
      }
      total += update * rule.inner_steps;
    }
    if (step.apply) {
      total += apply_products * product(tokens, d, h);
    }
  }
  return total * static_cast<double>(shape.batch);
}

}  // namespace parallax
