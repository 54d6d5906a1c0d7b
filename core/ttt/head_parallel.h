// The heads of a layer shared out to the threads for the whole schedule.
#pragma once

#include <functional>

#include "core/ttt/output_buffer.h"
#include "core/ttt/recurrent.h"

namespace parallax {

// A form on some heads: puts their outputs into `outputs` and returns the state in the end.
using HeadKernel = std::function<
    InnerState(const InnerState& start, const TttInputs& inputs, OutputBuffer& outputs)>;

// Runs the form on all heads at once, or, where there are enough of them and of ranges, with some
// on each thread: heads need nothing from each other, so threads then meet once and not after each
// operation, and what a thread works on stays in its own cache.
TttResult run_head_parallel(const InnerState& start,
                            const TttInputs& inputs,
                            const Schedule& schedule,
                            const HeadKernel& run);

}  // namespace parallax
