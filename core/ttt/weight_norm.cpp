// Norms of columns, in LibTorch operations and in two passes of a kernel.
#include "core/ttt/weight_norm.h"

#include "core/ops/common/parallel_for.h"
#include "core/ops/cuda/operators.h"
#include "core/ops/elementwise/table.h"

namespace parallax {
namespace {

constexpr double kWeightNormEps = 1e-5;
// Lower bound of a squared norm: the norm of a column of zeros has no gradient.
constexpr double kSmallestSquare = 1e-30;

// Whether the kernel takes these tensors.
bool is_fused(const UpdateRule& rule, const Tensor& w, const Tensor& step, const Tensor& norms) {
  const auto dtype = w.scalar_type();
  return has_fused_kernels(w) && !keeps_published_order(rule) && w.numel() > 0 &&
         (dtype == torch::kFloat32 || dtype == torch::kFloat64) &&
         (!step.defined() || (step.scalar_type() == dtype && step.sizes() == w.sizes())) &&
         norms.scalar_type() == dtype && norms.numel() == w.numel() / w.size(-2) &&
         !fused::requires_graph({w, step, norms});
}

template <class T>
SteppedWeights run_fused(const UpdateRule& rule,
                         const Tensor& main,
                         const Tensor& step,
                         const Tensor& norms) {
  const Tensor from = main.contiguous();
  const Tensor step_from = step.defined() ? step.contiguous() : step;
  const Tensor of_columns = norms.contiguous();
  SteppedWeights result{.normalised = torch::empty(from.sizes(), from.options())};
  const bool keeps_sum = step.defined() && rule.switches.weight_norm == WeightNorm::kPre;
  if (keeps_sum) {
    result.sum = torch::empty(from.sizes(), from.options());
  }
  const kernels::AddStep<T> arguments{
      .rows = from.size(-2),
      .cols = from.size(-1),
      .main = fused::data<T>(from),
      .step = fused::data<T>(step_from),
      .sign = rule.switches.direction == Direction::kDescent ? T{1} : T{-1},
      .norms = fused::data<T>(of_columns),
      .eps = static_cast<T>(kWeightNormEps),
      .smallest_square = static_cast<T>(kSmallestSquare),
      .sum = fused::data<T>(keeps_sum ? result.sum : result.normalised),
      .weight = fused::data<T>(result.normalised)};
  const int64_t blocks = (arguments.cols + kernels::kColumnBlock - 1) / kernels::kColumnBlock;
  fused::for_rows(from.numel() / (arguments.rows * arguments.cols) * blocks,
                  arguments.rows * std::min(arguments.cols, kernels::kColumnBlock),
                  [&](int64_t begin, int64_t end) {
                    fused::elementwise_kernels<T>().add_step(arguments, begin, end);
                  });
  return result;
}

SteppedWeights run_fused(const UpdateRule& rule,
                         const Tensor& main,
                         const Tensor& step,
                         const Tensor& norms) {
  return main.scalar_type() == torch::kFloat64 ? run_fused<double>(rule, main, step, norms)
                                               : run_fused<float>(rule, main, step, norms);
}

}  // namespace

Tensor column_norms(const UpdateRule& rule, const Tensor& w) {
  if (keeps_published_order(rule)) {
    return w.norm(2, {-2}, true);
  }
  // Several times as fast as LibTorch's norm along columns.
  return w.square().sum({-2}, true).clamp_min(kSmallestSquare).sqrt();
}

Tensor column_scale(const UpdateRule& rule, const Tensor& w, const Tensor& norms) {
  return norms / (column_norms(rule, w) + kWeightNormEps);
}

Tensor normalise_columns(const UpdateRule& rule, const Tensor& w, const Tensor& norms) {
  if (cuda::has_cuda_kernels(w) && w.scalar_type() == torch::kFloat32 &&
      !fused::requires_graph({w, norms})) {
    return cuda::normalise_columns(w, norms, kWeightNormEps);
  }
  if (is_fused(rule, w, {}, norms)) {
    return run_fused(rule, w, {}, norms).normalised;
  }
  return w / (column_norms(rule, w) + kWeightNormEps) * norms;
}

SteppedWeights add_and_normalise(const UpdateRule& rule,
                                 const Tensor& main,
                                 const Tensor& step,
                                 const Tensor& norms) {
  if (is_fused(rule, main, step, norms)) {
    return run_fused(rule, main, step, norms);
  }
  const Tensor sum = rule.switches.direction == Direction::kDescent ? main + step : main - step;
  return {sum, normalise_columns(rule, sum, norms)};
}

}  // namespace parallax
