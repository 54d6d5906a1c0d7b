// Muon in batched LibTorch operations.
#include "vision/train/muon.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/ops/newton_schulz/newton_schulz.h"

namespace parallax {
namespace {

Tensor as_batch(const Tensor& matrix) {  // [rows, cols] or [n, rows, cols] → [n, rows, cols]
  return matrix.dim() == 2 ? matrix.unsqueeze(0) : matrix;
}

}  // namespace

Muon::Muon(std::vector<Tensor> parameters) : parameters_(std::move(parameters)) {
  std::map<std::pair<int64_t, int64_t>, std::vector<size_t>> by_shape;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    momenta_.push_back(torch::zeros_like(parameters_[i]));
    by_shape[{parameters_[i].size(-2), parameters_[i].size(-1)}].push_back(i);
  }
  for (auto& [shape, group] : by_shape) {
    groups_.push_back(std::move(group));
  }
}

void Muon::step(const MuonOptions& options) {
  const torch::NoGradGuard no_grad;
  for (const auto& group : groups_) {
    step_group(group, options);
  }
}

void Muon::step_group(const std::vector<size_t>& group, const MuonOptions& options) {
  std::vector<size_t> members;
  std::vector<Tensor> directions;
  for (const size_t i : group) {
    const Tensor gradient = parameters_[i].grad();
    if (gradient.defined()) {
      momenta_[i].mul_(options.momentum).add_(gradient);
      directions.push_back(as_batch(gradient + momenta_[i] * options.momentum));  // Nesterov
      members.push_back(i);
    }
  }
  if (members.empty()) {
    return;
  }
  // Low precision suffices for a direction and is faster.
  const Tensor steps = orthogonalise(torch::cat(directions),
                                     {.steps = options.newton_schulz_steps,
                                      .precision = NewtonSchulzPrecision::kBfloat16Products});
  const double aspect = static_cast<double>(steps.size(1)) / static_cast<double>(steps.size(2));
  const double rate = options.learning_rate * std::sqrt(std::max(1.0, aspect));
  int64_t start = 0;
  for (const size_t i : members) {
    const int64_t count = parameters_[i].dim() == 2 ? 1 : parameters_[i].size(0);
    parameters_[i].mul_(1 - options.learning_rate * options.weight_decay);
    parameters_[i].sub_(steps.slice(0, start, start + count).view_as(parameters_[i]), rate);
    start += count;
  }
}

}  // namespace parallax
