// Scans by doubling, and in a few passes over memory where no graph is recorded.
#include "core/ttt/scan/linear_recurrence.h"

#include "core/ops/common/autograd_support.h"
#include "core/ops/cuda/operators.h"

namespace parallax {

Tensor linear_recurrence(const Tensor& steps, const Tensor& factors) {
  const bool one_factor_each = factors.size(2) == 1 && factors.size(3) == 1;
  if (one_factor_each && cuda::has_cuda_kernels(steps) && steps.scalar_type() == torch::kFloat32 &&
      !fused::requires_graph({steps, factors})) {
    return cuda::linear_scan(steps, {.factors = factors}).states;
  }
  Tensor sums = steps;
  Tensor spans = factors;  // products of the factors that the sums span
  const int64_t count = steps.size(1);
  for (int64_t shift = 1; shift < count; shift *= 2) {
    const Tensor head = sums.slice(1, 0, shift);
    const Tensor tail = sums.slice(1, shift) + spans.slice(1, shift) * sums.slice(1, 0, -shift);
    const Tensor span_tail = spans.slice(1, shift) * spans.slice(1, 0, -shift);
    sums = torch::cat({head, tail}, 1);
    spans = torch::cat({spans.slice(1, 0, shift), span_tail}, 1);
  }
  return sums;
}

Tensor decayed_sums(const Tensor& start, const Tensor& steps, const Tensor& decays, double scale) {
  if (!steps.is_cpu() || steps.scalar_type() == torch::kBFloat16 ||
      fused::requires_graph({start, steps, decays})) {
    if (!decays.defined()) {
      return torch::add(start.unsqueeze(1), steps.cumsum(1), scale);
    }
    const Tensor first = scale * steps.slice(1, 0, 1) + decays.slice(1, 0, 1) * start.unsqueeze(1);
    return linear_recurrence(torch::cat({first, scale * steps.slice(1, 1)}, 1), decays);
  }
  // In a few passes over whole matrices; LibTorch's cumsum goes from each element to that of the
  // next matrix.
  Tensor sums = torch::empty_like(steps);
  for (int64_t i = 0; i < steps.size(1); ++i) {
    Tensor sum = sums.select(1, i);
    const Tensor before = i > 0 ? sums.select(1, i - 1) : start;
    if (decays.defined()) {
      torch::mul_out(sum, before, decays.select(1, i));
      sum.add_(steps.select(1, i), scale);
    } else {
      torch::add_out(sum, before, steps.select(1, i), scale);
    }
  }
  return sums;
}

Tensor decay_between(const Tensor& decays) {
  const int64_t count = decays.size(-1);
  const Tensor one = torch::ones_like(decays.slice(-1, 0, 1));
  Tensor row = one;
  std::vector<Tensor> rows;
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0) {
      row = torch::cat({row * decays.slice(-1, i, i + 1), one}, -1);
    }
    rows.push_back(torch::constant_pad_nd(row, {0, count - 1 - i}));
  }
  return torch::stack(rows, -2);
}

}  // namespace parallax
