// A layer's heads divided among the threads for the whole schedule.
#pragma once

#include <functional>

#include "core/ttt/output_buffer.h"
#include "core/ttt/recurrent.h"

namespace parallax {

// Runs a form on some heads: adds their outputs to `outputs` and returns the final state.
using HeadKernel = std::function<
    InnerState(const InnerState& start, const TttInputs& inputs, OutputBuffer& outputs)>;

// Runs the form on all heads at once or, if there are enough heads and ranges, on a group of heads
// per thread: heads are independent, so threads then synchronise once instead of after each
// operation, and a thread's data stays in its own cache.
TttResult run_head_parallel(const InnerState& start,
                            const TttInputs& inputs,
                            const Schedule& schedule,
                            const HeadKernel& run);

}  // namespace parallax
