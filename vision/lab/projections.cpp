// Dense tensor operations on a few hundred rows.
#include "vision/lab/projections.h"

#include <algorithm>
#include <cmath>

namespace parallax::lab {
namespace {

Tensor squared_distances(const Tensor& x) {  // [N, D] → [N, N]
  const Tensor norms = x.square().sum(1, true);
  return (norms + norms.t() - 2 * x.matmul(x.t())).clamp_min(0);
}

// Each row's similarities to the others, with a Gaussian of the width that gives the perplexity.
Tensor neighbour_probabilities(const Tensor& distances, double perplexity) {
  const int64_t count = distances.size(0);
  const Tensor others = 1 - torch::eye(count, distances.options());
  const double wanted = std::log(perplexity);
  Tensor low = torch::zeros({count, 1}, distances.options());
  Tensor high = torch::full({count, 1}, INFINITY, distances.options());
  Tensor beta = 1 / distances.mean(1, true).clamp_min(1e-300);
  Tensor p;
  constexpr int kBisections = 60;
  for (int i = 0; i < kBisections; ++i) {
    // The nearest other row's distance is subtracted first: the ratio does not change, and at
    // least one term stays 1.
    const Tensor nearest = std::get<0>(distances.masked_fill(others == 0, INFINITY).min(1, true));
    const Tensor weights = torch::exp(-(distances - nearest) * beta) * others;
    p = weights / weights.sum(1, true);
    const Tensor entropy = -(p * p.clamp_min(1e-300).log()).sum(1, true);
    const Tensor too_wide = entropy > wanted;
    low = torch::where(too_wide, beta, low);
    high = torch::where(too_wide, high, beta);
    beta = torch::where(high.isinf(), beta * 2, (low + high) / 2);
  }
  return p;
}

}  // namespace

Tensor thinned(const Tensor& rows, int64_t count) {
  const int64_t step = std::max<int64_t>(1, (rows.size(0) + count - 1) / count);
  return rows.slice(0, 0, rows.size(0), step);
}

Tensor principal_plane(const Tensor& rows) {
  const Tensor wide = rows.to(torch::kCPU, torch::kFloat64);
  const Tensor centred = wide - wide.mean(0, true);
  const auto [values, directions] = at::linalg_eigh(centred.t().matmul(centred));
  // Eigenvalues are in ascending order: the last two columns span the plane.
  Tensor plane = directions.slice(1, directions.size(1) - 2).flip(1);
  // An eigenvector's sign is arbitrary; a fixed choice keeps the plot from flipping.
  const Tensor sums = plane.sum(0, true);
  plane = plane * sums.sign().where(sums != 0, torch::ones({1, 2}, plane.options()));
  return centred.matmul(plane).contiguous();
}

Tensor tsne(const Tensor& rows, const TsneOptions& options) {
  const Tensor wide = rows.to(torch::kCPU, torch::kFloat64);
  const int64_t count = wide.size(0);
  const double perplexity = std::min(options.perplexity, static_cast<double>(count) / 3);
  Tensor p = neighbour_probabilities(squared_distances(wide), perplexity);
  p = ((p + p.t()) / (2 * static_cast<double>(count))).clamp_min(1e-12);
  Tensor y = principal_plane(wide);
  y = y / y.std().clamp_min(1e-300) * 1e-4;
  Tensor velocity = torch::zeros_like(y);
  Tensor gains = torch::ones_like(y);
  const Tensor others = 1 - torch::eye(count, wide.options());
  // The published schedule: similarities exaggerated at first, then more momentum.
  const int early = options.steps / 4;
  const double rate = std::max(static_cast<double>(count) / 12, 50.0);
  for (int step = 0; step < options.steps; ++step) {
    const double exaggeration = step < early ? 12 : 1;
    const Tensor kernel = others / (1 + squared_distances(y));
    const Tensor forces = (exaggeration * p - (kernel / kernel.sum()).clamp_min(1e-12)) * kernel;
    const Tensor gradient = 4 * (forces.sum(1, true) * y - forces.matmul(y));
    gains =
        torch::where((gradient > 0) != (velocity > 0), gains + 0.2, gains * 0.8).clamp_min(0.01);
    velocity = (step < early ? 0.5 : 0.8) * velocity - rate * gains * gradient;
    y = y + velocity;
    y = y - y.mean(0, true);
  }
  return y;
}

}  // namespace parallax::lab
