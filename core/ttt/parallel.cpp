// Linear attention over chunks: batched products around a prefix scan.
#include "core/ttt/parallel.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "core/base/error.h"
#include "core/ops/cuda/operators.h"
#include "core/ops/matmul/batched_matmul.h"
#include "core/ops/newton_schulz/newton_schulz_cuda.h"
#include "core/ops/newton_schulz/newton_schulz_low_rank.h"
#include "core/ttt/bound_tokens.h"
#include "core/ttt/head_parallel.h"
#include "core/ttt/parallel_chunkwise.h"
#include "core/ttt/scan/delta_values.h"
#include "core/ttt/scan/linear_recurrence.h"
#include "core/ttt/scan/tile_products.h"
#include "core/ttt/weight_norm.h"

namespace parallax {
namespace {

// Momentum coefficients of the updating ranges, [batch, N, 1, 1]; undefined without momentum.
Tensor range_momentum(const UpdateRule& rule,
                      const TttInputs& inputs,
                      const std::vector<TokenRange>& ranges) {
  return rule.switches.momentum && inputs.momentum.defined() && !ranges.empty()
             ? mean_of_ranges(inputs.momentum, ranges)
             : Tensor();
}

// Which of the N + 1 states that the updating ranges lead to are wanted: those read by ranges that
// apply, if these read one after the other.
struct StatesRead {
  int64_t first = 1;  // updates before the first of them
  int64_t count = 0;
};

// The states that the scan over the updating ranges yields.
struct Prefix {
  Tensor main;  // [batch, N, Dh, D]: W1 after each updating range; undefined where `read` is
  Tensor read;  // [batch, reading ranges, Dh, D] in the queries' dtype; undefined where `main` is
  Tensor last;  // [batch, Dh, D]: W1 after all updating ranges
  Tensor velocity;    // [batch, Dh, D] or undefined
  Tensor anchor;      // likewise: of an elastic rule
  Tensor importance;  // likewise
};

// The states that the ranges read, where each reads the one after that of the range before.
std::optional<StatesRead> states_in_order(const std::vector<TokenRange>& ranges) {
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].updates_before != ranges.front().updates_before + static_cast<int64_t>(i)) {
      return std::nullopt;
    }
  }
  return ranges.empty() ? std::nullopt
                        : std::optional(StatesRead{ranges.front().updates_before,
                                                   static_cast<int64_t>(ranges.size())});
}

// The tokens that read the states.
const Tensor& queries_of(const UpdateRule& rule, const TttInputs& inputs) {
  return rule.switches.query == QuerySource::kKey ? inputs.k : inputs.q;
}

// The states read, from the steps, without a pass over memory for the others: on a GPU, where no
// graph is recorded, and where states are read as they are.
bool scans_on_gpu(const UpdateRule& rule,
                  const InnerState& start,
                  const TttInputs& inputs,
                  const Tensor& steps) {
  return cuda::has_cuda_kernels(steps) && steps.scalar_type() == torch::kFloat32 &&
         cuda::has_cuda_kernels(queries_of(rule, inputs)) &&
         start.main.w1.scalar_type() == torch::kFloat32 &&
         rule.switches.weight_norm == WeightNorm::kNone &&
         rule.switches.importance == Importance::kNone && rule.switches.decay != Decay::kChannel &&
         !fused::requires_graph({start.main.w1, steps});
}

Prefix scan_states(const UpdateRule& rule,
                   const InnerState& start,
                   const TttInputs& inputs,
                   const std::vector<TokenRange>& ranges,
                   const std::optional<StatesRead>& read);

// Several inner steps as so many updates on the same range.
Prefix scan_repeated_steps(const UpdateRule& rule,
                           const InnerState& start,
                           const TttInputs& inputs,
                           const std::vector<TokenRange>& ranges) {
  const int steps = rule.switches.inner_steps;
  std::vector<TokenRange> each;
  for (const TokenRange& range : ranges) {
    each.insert(each.end(), static_cast<size_t>(steps), range);
  }
  UpdateRule single = rule;
  single.switches.inner_steps = 1;
  Prefix prefix = scan_states(single, start, inputs, each, std::nullopt);
  prefix.main = prefix.main.slice(1, steps - 1, c10::nullopt, steps);
  return prefix;
}

// Computes the states after all updating ranges at once; those of `read` alone, where that is given
// and saves work.
Prefix scan_states(const UpdateRule& rule,
                   const InnerState& start,
                   const TttInputs& inputs,
                   const std::vector<TokenRange>& ranges,
                   const std::optional<StatesRead>& read) {
  const VariantSwitches& switches = rule.switches;
  if (steps_differ(switches)) {
    return scan_repeated_steps(rule, start, inputs, ranges);
  }
  // On a GPU a step too many, which is dropped below, costs less than a copy of the chunks before
  // it.
  const bool takes_last_chunk =
      read && inputs.k.is_cuda() && !is_delta_rule(switches) && !requires_graph(start, inputs);
  const std::vector<TokenRange> chunks =
      takes_last_chunk ? with_last_chunk(ranges, inputs.k.size(1)) : ranges;
  const Tensor keys =
      gather_ranges(bound_keys(switches, start.weights, inputs.k, inputs.lr1), chunks);
  const Tensor decays = range_decays(switches, start, inputs, ranges);
  const Tensor values = bound_values(rule, start, inputs, chunks, keys, decays);
  Tensor factors = range_momentum(rule, inputs, chunks);
  const auto dtype = start.main.w1.scalar_type();
  const bool from_factors = switches.normalise_gradient && !factors.defined() &&
                            !requires_graph(start, inputs) && dtype != torch::kBFloat16 &&
                            has_low_rank_newton_schulz(values, keys.size(3), rule.newton_schulz);
  Tensor steps;  // [batch, N, Dh, D]
  if (from_factors) {
    const auto [of_values, of_keys] =
        orthogonalise_factors(
            basis_for_newton_schulz(values, rule.newton_schulz, dtype), {keys}, rule.newton_schulz)
            .front();
    steps = product_of_factors({of_keys, of_values}, rule.newton_schulz);
  } else {
    steps = batched_product(keys.transpose(2, 3), values, {.result = dtype});
  }

  Prefix prefix;
  const int64_t repeats = switches.inner_steps;
  // With momentum each inner step is one of its own.
  const int64_t updates = static_cast<int64_t>(ranges.size()) * (factors.defined() ? repeats : 1);
  if (factors.defined()) {
    // Every inner step of a range sees the same gradient, as φ and the loss do not depend on W1.
    steps = steps.repeat_interleave(repeats, 1);
    factors = factors.to(steps.scalar_type()).repeat_interleave(repeats, 1);
    if (start.velocity.w1.defined()) {
      const Tensor carried = factors.slice(1, 0, 1) * start.velocity.w1.unsqueeze(1);
      steps = torch::cat({steps.slice(1, 0, 1) + carried, steps.slice(1, 1)}, 1);
    }
    steps = linear_recurrence(steps, factors);
    prefix.velocity = steps.select(1, updates - 1);
  }
  const double sign = step_sign(switches);
  const bool one_step_each = !factors.defined() || repeats == 1;
  if (read && one_step_each && scans_on_gpu(rule, start, inputs, steps)) {
    if (switches.normalise_gradient) {
      steps = has_cuda_newton_schulz(steps, rule.newton_schulz)
                  ? orthogonalise_cuda(steps, rule.newton_schulz)
                  : orthogonalise(steps, rule.newton_schulz);
    }
    const auto [states, end] = cuda::linear_scan(steps.slice(1, 0, updates),
                                                 {.factors = decays,
                                                  .start = start.main.w1,
                                                  .scale = sign * static_cast<double>(repeats),
                                                  .first = read->first,
                                                  .kept = read->count,
                                                  .dtype = queries_of(rule, inputs).scalar_type(),
                                                  .wants_end = true});
    prefix.read = states;
    prefix.last = end;
    return prefix;
  }
  if (switches.normalise_gradient && !from_factors) {
    steps = orthogonalise(steps, rule.newton_schulz);
  }
  steps = steps.slice(1, 0, updates);
  if (switches.importance != Importance::kNone) {
    const ElasticStates states =
        elastic_states(rule.elastic,
                       {start.main.w1, start.anchor.w1, start.importance.w1},
                       steps,
                       importance_of_step(switches.importance, steps, {}, {}),
                       sign);
    prefix.main = states.weights;
    prefix.last = states.last.weights;
    prefix.anchor = states.last.anchor;
    prefix.importance = states.last.importance;
    return prefix;
  }
  prefix.main =
      factors.defined()
          ? decayed_sums(start.main.w1, steps, decays, sign)
                .slice(1, repeats - 1, c10::nullopt, repeats)
          : decayed_sums(start.main.w1, steps, decays, sign * static_cast<double>(repeats));
  prefix.last = prefix.main.select(1, prefix.main.size(1) - 1);
  return prefix;
}

// The state that each range reads: `first`, or the one of `after` that its updates have led to.
Tensor states_read(const Tensor& first,  // [batch, Dh, D]
                   const Tensor& after,  // [batch, N, Dh, D]
                   const std::vector<TokenRange>& ranges) {
  std::vector<int64_t> indices;
  indices.reserve(ranges.size());
  for (const TokenRange& range : ranges) {
    indices.push_back(range.updates_before);
  }
  std::vector<int64_t> right_after_each(static_cast<size_t>(after.size(1)));
  std::iota(right_after_each.begin(), right_after_each.end(), 1);
  if (indices == right_after_each) {
    return after;
  }
  const Tensor index = torch::tensor(indices, torch::kInt64).to(after.device());
  return torch::cat({first.unsqueeze(1), after}, 1).index_select(1, index);
}

Tensor apply_ranges(const UpdateRule& rule,
                    const InnerState& start,
                    const TttInputs& inputs,
                    const Tensor& states,  // [batch, ranges, Dh, D]
                    const std::vector<TokenRange>& ranges) {
  const Tensor chunks =
      gather_ranges(feature_map(rule.switches, queries_of(rule, inputs), start.weights), ranges);
  return concatenate_ranges(batched_product(chunks, states), ranges);
}

void require_parallel_form(const UpdateRule& rule, const Schedule& schedule) {
  if (const auto reason = why_no_parallel_form(rule.switches, schedule)) {
    throw UsageError(
        ErrorParts{.what = "there is no parallel form over several update ranges: " + *reason,
                   .remedy = "Use the recurrent form, or one update range."});
  }
}

// Whether updates have so many tokens that none are solved together, or that a state in the cache
// takes them as fast one after the other as by a scan.
bool has_only_whole_updates(const UpdateRule& rule,
                            const InnerState& start,
                            const TttInputs& inputs,
                            const Ranges& ranges) {
  const bool of_channels = rule.switches.decay == Decay::kChannel;
  if (of_channels && runs_in_cache(start, inputs)) {
    return true;
  }
  return is_delta_rule(rule.switches) &&
         longest_range(ranges.updating) >= (of_channels ? kChannelTileTokens : kDeltaGroupTokens);
}

TttResult run_segment(const UpdateRule& rule,
                      const InnerState& start,
                      const TttInputs& inputs,
                      const Schedule& schedule) {
  if (count_updates(schedule) <= 1) {
    return run_recurrent(rule, start, inputs, schedule);  // whole ranges: one product each
  }
  const Ranges ranges = split_schedule(schedule);
  if (has_chunkwise_form(rule, start, inputs, ranges)) {
    return run_chunkwise(rule, start, inputs, ranges);
  }
  if (has_only_whole_updates(rule, start, inputs, ranges)) {
    return run_recurrent(rule, start, inputs, schedule);
  }
  const Prefix prefix =
      scan_states(rule, start, inputs, ranges.updating, states_in_order(ranges.applying));
  TttResult result{.state = start};
  result.state.main.w1 = prefix.last;
  if (prefix.read.defined()) {
    result.output = apply_ranges(rule, start, inputs, prefix.read, ranges.applying);
    result.state.weights.w1 = prefix.last;
  } else {
    Tensor states = prefix.main;
    if (rule.switches.weight_norm == WeightNorm::kPre) {
      states = normalise_columns(rule, states, start.reference_norms.w1.unsqueeze(1));
    }
    if (!ranges.applying.empty()) {
      const Tensor read = states_read(start.weights.w1, states, ranges.applying);
      result.output = apply_ranges(rule, start, inputs, read, ranges.applying);
    }
    result.state.weights.w1 = states.select(1, states.size(1) - 1);
  }
  if (prefix.velocity.defined()) {
    result.state.velocity.w1 = prefix.velocity;
  }
  if (prefix.anchor.defined()) {
    result.state.anchor.w1 = prefix.anchor;
    result.state.importance.w1 = prefix.importance;
  }
  return result;
}

// On a CPU, a segment's intermediate results should stay in the cache; the scan over a segment
// continues where the one before ended. A single segment where a backward pass needs everything
// anyway.
constexpr int64_t kSegmentBytes = 1 << 20;
constexpr int64_t kCopiesOfState = 4;  // each range's step, their sums, the states, those applied

std::vector<Schedule> segments_of(const UpdateRule& rule,
                                  const InnerState& start,
                                  const TttInputs& inputs,
                                  const Schedule& schedule) {
  const Tensor& w1 = start.weights.w1;
  if (!inputs.k.is_cpu() || requires_graph(start, inputs) ||
      (!rule.switches.normalise_gradient && !steps_differ(rule.switches) &&
       rule.switches.importance == Importance::kNone && runs_in_cache(start, inputs))) {
    return {schedule};
  }
  const bool tiled = runs_in_cache(start, inputs) &&
                     has_chunkwise_form(rule, start, inputs, split_schedule(schedule));
  const int64_t bytes_a_token = inputs.k.size(0) * w1.size(1) * inputs.k.element_size();
  const int64_t bytes_a_state = tiled ? 0 : kCopiesOfState * w1.numel() * w1.element_size();
  std::vector<Schedule> segments(1);
  int64_t bytes = 0;
  for (const ScheduleStep& step : schedule) {
    const int64_t more =
        (step.end - step.start) * bytes_a_token + (step.update ? bytes_a_state : 0);
    // Segments end only after an update, which keeps a range's application and update together
    // where they are separate steps.
    const bool may_end = !segments.back().empty() && segments.back().back().update;
    if (may_end && bytes + more > kSegmentBytes) {
      segments.emplace_back();
      bytes = 0;
    }
    segments.back().push_back(step);
    bytes += more;
  }
  return segments;
}

// The tokens from the segment's first to its last; makes the segment's steps count from the first.
TttInputs cut_to_segment(const TttInputs& inputs, Schedule& segment) {
  int64_t first = inputs.k.size(1);
  int64_t last = 0;
  for (const ScheduleStep& step : segment) {
    first = std::min(first, step.start);
    last = std::max(last, step.end);
  }
  for (ScheduleStep& step : segment) {
    step.start -= first;
    step.end -= first;
  }
  return slice_inputs(inputs, 1, first, last);
}

}  // namespace

TttResult run_parallel(const UpdateRule& rule,
                       const InnerState& start,
                       const TttInputs& inputs,
                       const Schedule& schedule) {
  require_parallel_form(rule, schedule);
  check_inputs(rule, start.weights, inputs);
  validate_schedule(schedule, inputs.k.size(1));
  std::vector<Schedule> segments = segments_of(rule, start, inputs, schedule);
  const auto count = static_cast<int64_t>(segments.size());
  const bool one_range_each = count > 1 && count >= count_updates(schedule);
  const bool applies_any = std::any_of(
      schedule.begin(), schedule.end(), [](const ScheduleStep& step) { return step.apply; });
  if (one_range_each || !applies_any) {  // the same operations; only the last state is needed
    return run_recurrent(rule, start, inputs, schedule);
  }
  if (count == 1) {
    const TttInputs tokens = cut_to_segment(inputs, segments.front());
    return run_segment(rule, start, tokens, segments.front());
  }
  return run_head_parallel(
      start,
      inputs,
      schedule,
      [&](const InnerState& first, const TttInputs& all_tokens, OutputBuffer& outputs) {
        InnerState state = first;
        for (Schedule& segment : segments_of(rule, first, all_tokens, schedule)) {
          const TttInputs tokens = cut_to_segment(all_tokens, segment);
          TttResult part = run_segment(rule, state, tokens, segment);
          state = std::move(part.state);
          if (part.output.defined()) {
            outputs.add(part.output);
          }
        }
        return state;
      });
}

TttResult run_parallel(const UpdateRule& rule,
                       const FastWeights& weights,
                       const TttInputs& inputs,
                       const Schedule& schedule) {
  check_inputs(rule, weights, inputs);
  return run_parallel(rule, start_state(rule, weights), inputs, schedule);
}

}  // namespace parallax
