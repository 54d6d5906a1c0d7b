// Slices and joins the batch dimension, which is the first of all of a layer's tensors.
#include "core/ttt/head_parallel.h"

#include <ATen/ThreadLocalState.h>

#include "core/ops/common/parallel_for.h"

namespace parallax {
namespace {

// The groups' states are joined at the end, which must cost little compared with the schedule's
// work.
constexpr size_t kEnoughRanges = 4;

bool runs_in_groups(const InnerState& start, const TttInputs& inputs, const Schedule& schedule) {
  const int64_t threads = at::get_num_threads();
  const int64_t heads = inputs.k.size(0);
  return threads > 1 && heads >= threads && fused::divides_evenly(heads, threads) &&
         schedule.size() >= kEnoughRanges && !at::in_parallel_region() && inputs.k.is_cpu() &&
         have_one_dtype(inputs) && !requires_graph(start, inputs);
}

InnerState heads_of(const InnerState& state, int64_t begin, int64_t end) {
  InnerState heads;
  for (FastWeights InnerState::*member : kInnerStateMembers) {
    for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
      const Tensor& all = state.*member.*matrix;
      heads.*member.*matrix = all.defined() ? all.slice(0, begin, end) : all;
    }
  }
  return heads;
}

// The groups' tensors as one; a tensor that they left unchanged stays the layer's own.
Tensor joined(const std::vector<Tensor>& parts, const Tensor& start) {
  if (!parts.front().defined()) {
    return {};
  }
  if (start.defined() && start.data_ptr() == parts.front().data_ptr()) {
    return start;
  }
  return torch::cat(parts);
}

InnerState joined(const std::vector<InnerState>& groups, const InnerState& start) {
  InnerState state;
  for (FastWeights InnerState::*member : kInnerStateMembers) {
    for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
      const Tensor& weight = groups.front().weights.*matrix;
      if (member == &InnerState::main && weight.is_same(groups.front().main.*matrix)) {
        state.main.*matrix = state.weights.*matrix;
        continue;
      }
      std::vector<Tensor> parts;
      parts.reserve(groups.size());
      for (const InnerState& group : groups) {
        parts.push_back(group.*member.*matrix);
      }
      state.*member.*matrix = joined(parts, start.*member.*matrix);
    }
  }
  return state;
}

}  // namespace

TttResult run_head_parallel(const InnerState& start,
                            const TttInputs& inputs,
                            const Schedule& schedule,
                            const HeadKernel& run) {
  if (!runs_in_groups(start, inputs, schedule)) {
    OutputBuffer outputs(schedule, requires_graph(start, inputs));
    InnerState state = run(start, inputs, outputs);
    return {.output = outputs.all(), .state = std::move(state)};
  }
  const int64_t heads = inputs.k.size(0);
  OutputBuffer outputs(schedule, inputs.v);
  std::vector<InnerState> states(static_cast<size_t>(heads));  // at each group's first head
  const at::ThreadLocalState of_this_thread;
  at::parallel_for(0, heads, 1, [&](int64_t begin, int64_t end) {
    const at::ThreadLocalStateGuard guard(of_this_thread);
    OutputBuffer of_group = outputs.of_heads(begin, end);
    states[static_cast<size_t>(begin)] =
        run(heads_of(start, begin, end), slice_inputs(inputs, 0, begin, end), of_group);
  });
  std::erase_if(states, [](const InnerState& state) { return !state.weights.w1.defined(); });
  return {.output = outputs.all(), .state = joined(states, start)};
}

}  // namespace parallax
