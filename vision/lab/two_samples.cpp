// Tests on a few hundred rows, all distances at once.
#include "vision/lab/two_samples.h"

#include <cmath>

#include <ATen/CPUGeneratorImpl.h>

#include "vision/lab/lab_text.h"

namespace parallax::lab {
namespace {

constexpr int64_t kNeighbours = 5;

// The unbiased estimate of MMD², for labels of ±: sign [N + M] is 1 for the first set, 0 for the
// second.
double squared_discrepancy(const Tensor& kernel, const Tensor& first) {
  const Tensor second = 1 - first;
  const double n = first.sum().item<double>();
  const double m = second.sum().item<double>();
  const double aa = first.dot(kernel.matmul(first)).item<double>() - n;  // the diagonal is 1
  const double bb = second.dot(kernel.matmul(second)).item<double>() - m;
  const double ab = first.dot(kernel.matmul(second)).item<double>();
  return aa / (n * (n - 1)) + bb / (m * (m - 1)) - 2 * ab / (n * m);
}

}  // namespace

Discrepancy mean_discrepancy(const Tensor& a, const Tensor& b, int permutations, uint64_t seed) {
  const Tensor all = torch::cat({a, b}).to(torch::kCPU, torch::kFloat64);
  const Tensor distances = torch::cdist(all, all);
  const double width = std::max(distances.median().item<double>(), 1e-300);
  const Tensor kernel = torch::exp(-distances.square() / (2 * width * width)).fill_diagonal_(1);
  Tensor first = torch::zeros({all.size(0)}, torch::kFloat64);
  first.slice(0, 0, a.size(0)).fill_(1);
  const double found = squared_discrepancy(kernel, first);
  at::Generator generator = at::detail::createCPUGenerator(seed);
  int as_large = 0;
  for (int i = 0; i < permutations; ++i) {
    const Tensor order = at::randperm(all.size(0), generator, torch::kInt64);
    as_large += squared_discrepancy(kernel, first.index_select(0, order)) >= found ? 1 : 0;
  }
  return {std::sqrt(std::max(found, 0.0)), (as_large + 1.0) / (permutations + 1.0)};
}

Estimate two_sample_accuracy(const Tensor& a, const Tensor& b) {
  const auto halves = [](const Tensor& x) {
    return std::pair{x.slice(0, 0, x.size(0) / 2), x.slice(0, x.size(0) / 2)};
  };
  const auto [known_a, asked_a] = halves(a.to(torch::kCPU, torch::kFloat64));
  const auto [known_b, asked_b] = halves(b.to(torch::kCPU, torch::kFloat64));
  const Tensor known = torch::cat({known_a, known_b});
  const auto share_of_a = [&](const Tensor& asked) {  // among the nearest neighbours
    const Tensor nearest = std::get<1>(torch::cdist(asked, known).topk(kNeighbours, 1, false));
    return (nearest < known_a.size(0)).to(torch::kFloat64).mean(1);
  };
  const auto right_a = (share_of_a(asked_a) > 0.5).sum().item<int64_t>();
  const auto right_b = (share_of_a(asked_b) < 0.5).sum().item<int64_t>();
  return estimate_share(static_cast<size_t>(right_a + right_b),
                        static_cast<size_t>(asked_a.size(0) + asked_b.size(0)));
}

}  // namespace parallax::lab
