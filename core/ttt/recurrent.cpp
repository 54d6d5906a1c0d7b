// The inner training loop, range after range.
#include "core/ttt/recurrent.h"

#include <algorithm>

#include "core/ttt/head_parallel.h"

namespace parallax {
namespace {

void add_gradient(Tensor& sum, const Tensor& term) {
  if (term.defined()) {
    sum = sum.defined() ? sum + term : term;
  }
}

// One gradient step over a range whose tokens arrive in blocks: the weights stay unchanged until
// the last token has been seen, so the blocks' shares simply add up.
void update_on_range(const UpdateRule& rule,
                     const TttInputs& inputs,
                     const ScheduleStep& range,
                     int64_t token_block,
                     InnerState& state) {
  const int64_t block = token_block > 0 ? token_block : range.end - range.start;
  if (block >= range.end - range.start) {
    for (int step = 0; step < rule.switches.inner_steps; ++step) {
      update_on_tokens(rule, inputs, range.start, range.end, state);
    }
    return;
  }
  const Tensor momentum = momentum_of_range(rule.switches, inputs, range.start, range.end);
  const Tensor decay = decay_of_range(rule.switches, inputs, range.start, range.end);
  for (int step = 0; step < rule.switches.inner_steps; ++step) {
    decay_weights(rule.switches, decay, state);
    FastWeights sum;
    for (int64_t start = range.start; start < range.end; start += block) {
      const int64_t end = std::min(start + block, range.end);
      const FastWeights share = range_gradient(rule, state.weights, inputs, start, end);
      add_gradient(sum.w0, share.w0);
      add_gradient(sum.w1, share.w1);
      add_gradient(sum.w2, share.w2);
    }
    close_step(rule, sum, momentum, state);
  }
}

}  // namespace

TttResult run_recurrent(const UpdateRule& rule,
                        const InnerState& start,
                        const TttInputs& inputs,
                        const Schedule& schedule,
                        const RecurrentOptions& options) {
  check_inputs(rule, start.weights, inputs);
  validate_schedule(schedule, inputs.k.size(1));
  return run_head_parallel(
      start,
      inputs,
      schedule,
      [&](const InnerState& first, const TttInputs& tokens, OutputBuffer& outputs) {
        InnerState state = first;
        for (const ScheduleStep& step : schedule) {
          if (step.update) {
            update_on_range(rule, tokens, step, options.token_block, state);
          }
          if (step.apply) {
            const Tensor queries = query_range(rule.switches, tokens, step.start, step.end);
            outputs.add(apply_fast_weights(rule.switches, queries, state.weights));
          }
        }
        return state;
      });
}

TttResult run_recurrent(const UpdateRule& rule,
                        const FastWeights& weights,
                        const TttInputs& inputs,
                        const Schedule& schedule,
                        const RecurrentOptions& options) {
  check_inputs(rule, weights, inputs);
  return run_recurrent(rule, start_state(rule, weights), inputs, schedule, options);
}

}  // namespace parallax
