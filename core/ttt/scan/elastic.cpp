// The pull as LibTorch operations, and a block of elements at a time through all steps.
#include "core/ttt/scan/elastic.h"

#include <algorithm>
#include <array>

#include "core/ops/common/autograd_support.h"
#include "core/ops/common/parallel_for.h"
#include "core/ttt/scan/linear_recurrence.h"

namespace parallax {
namespace {

// Elements that go through all steps together: their state stays in the nearest cache.
constexpr int64_t kElasticBlock = 512;

// One matrix's tensors, contiguous.
template <class T>
struct ElasticPass {
  int64_t count;  // steps
  int64_t size;   // elements of a state
  T strength, importance_decay, anchor_decay, scale;
  const T* steps;        // [count, size]
  const T* importances;  // [count, size]
  const T* first;        // [size]
  T* anchor;             // [size]: before the first step, then after the last
  T* importance;         // likewise
  T* states;             // [count, size]

  void run(int64_t begin, int64_t end) const {
    std::array<T, kElasticBlock> offset;  // W − W*
    const int64_t length = end - begin;
    T* const held = offset.data();
    T* const average = anchor + begin;
    T* const kept = importance + begin;
    for (int64_t j = 0; j < length; ++j) {
      held[j] = first[begin + j] - average[j];
    }
    for (int64_t i = 0; i < count; ++i) {
      const T* const step = steps + i * size + begin;
      const T* const of_step = importances + i * size + begin;
      T* const state = states + i * size + begin;
#pragma omp simd
      for (int64_t j = 0; j < length; ++j) {
        const T f = importance_decay * kept[j] + (1 - importance_decay) * of_step[j];
        const T from_anchor = (1 - strength * f) * (held[j] + scale * step[j]);
        kept[j] = f;
        state[j] = average[j] + from_anchor;
        average[j] += (1 - anchor_decay) * from_anchor;
        held[j] = anchor_decay * from_anchor;
      }
    }
  }
};

template <class T>
ElasticStates run_in_one_pass(const ElasticOptions& options,
                              const ElasticState& start,
                              const Tensor& steps,
                              const Tensor& importances,
                              double scale) {
  const auto copy = [](const Tensor& x) { return x.clone(at::MemoryFormat::Contiguous); };
  const Tensor first = start.weights.contiguous();
  const Tensor step_from = steps.contiguous();
  const Tensor importance_from = importances.contiguous();
  const int64_t count = steps.size(1);
  const int64_t size = steps.size(2) * steps.size(3);
  ElasticStates states{
      .weights = torch::empty(steps.sizes(), steps.options()),
      .last = {.anchor = copy(start.anchor), .importance = copy(start.importance)}};
  const int64_t blocks = (size + kElasticBlock - 1) / kElasticBlock;
  fused::for_rows(steps.size(0) * blocks, count * kElasticBlock, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t matrix = item / blocks;
      const ElasticPass<T> pass{
          .count = count,
          .size = size,
          .strength = static_cast<T>(options.strength),
          .importance_decay = static_cast<T>(options.importance_decay),
          .anchor_decay = static_cast<T>(options.anchor_decay),
          .scale = static_cast<T>(scale),
          .steps = step_from.data_ptr<T>() + matrix * count * size,
          .importances = importance_from.data_ptr<T>() + matrix * count * size,
          .first = first.data_ptr<T>() + matrix * size,
          .anchor = states.last.anchor.data_ptr<T>() + matrix * size,
          .importance = states.last.importance.data_ptr<T>() + matrix * size,
          .states = states.weights.data_ptr<T>() + matrix * count * size};
      const int64_t from = item % blocks * kElasticBlock;
      pass.run(from, std::min(from + kElasticBlock, size));
    }
  });
  return states;
}

ElasticStates run_as_scans(const ElasticOptions& options,
                           const ElasticState& start,
                           const Tensor& steps,
                           const Tensor& importances,
                           double scale) {
  const double beta = options.anchor_decay;
  const Tensor decays = torch::full({steps.size(0), steps.size(1), 1, 1},
                                    options.importance_decay,
                                    steps.options().requires_grad(false));
  const Tensor held =
      decayed_sums(start.importance, importances, decays, 1 - options.importance_decay);
  const Tensor kept = 1 - options.strength * held;  // a
  const Tensor first = scale * steps.slice(1, 0, 1) + (start.weights - start.anchor).unsqueeze(1);
  const Tensor moved = torch::cat({first, scale * steps.slice(1, 1)}, 1);
  const Tensor from_anchor = linear_recurrence(kept * moved, beta * kept);  // E
  const Tensor anchors = start.anchor.unsqueeze(1) + (1 - beta) * from_anchor.cumsum(1);
  const int64_t end = steps.size(1) - 1;
  return {.weights = anchors + beta * from_anchor,
          .last = {.anchor = anchors.select(1, end), .importance = held.select(1, end)}};
}

}  // namespace

Tensor next_importance(const ElasticOptions& options,
                       const Tensor& importance,
                       const Tensor& of_step) {
  return options.importance_decay * importance + (1 - options.importance_decay) * of_step;
}

Tensor pull_to_anchor(const ElasticOptions& options,
                      const Tensor& weights,
                      const Tensor& anchor,
                      const Tensor& importance) {
  return weights - options.strength * importance * (weights - anchor);
}

Tensor next_anchor(const ElasticOptions& options, const Tensor& anchor, const Tensor& weights) {
  return options.anchor_decay * anchor + (1 - options.anchor_decay) * weights;
}

ElasticStates elastic_states(const ElasticOptions& options,
                             const ElasticState& start,
                             const Tensor& steps,
                             const Tensor& importances,
                             double scale) {
  const auto dtype = steps.scalar_type();
  const bool one_pass =
      has_fused_kernels(steps) && dtype != torch::kBFloat16 &&
      !fused::requires_graph({start.weights, start.anchor, start.importance, steps, importances});
  ElasticStates states = !one_pass ? run_as_scans(options, start, steps, importances, scale)
                         : dtype == torch::kFloat64
                             ? run_in_one_pass<double>(options, start, steps, importances, scale)
                             : run_in_one_pass<float>(options, start, steps, importances, scale);
  states.last.weights = states.weights.select(1, steps.size(1) - 1);
  return states;
}

}  // namespace parallax
