// The recurrent form: fast weights trained while the tokens are read, any rule, any schedule.
#pragma once

#include "core/ttt/inner_update.h"
#include "core/ttt/schedule.h"

namespace parallax {

// What running a form over a schedule yields.
struct TttResult {
  Tensor output;     // [batch, sum of the apply ranges, D]; undefined if nothing was applied
  InnerState state;  // after the last range; state.weights are the trained fast weights
};

// How the recurrent form reads its tokens.
struct RecurrentOptions {
  // Tokens of an updating range arrive in blocks of this many, each adding its share of the
  // gradient to a running sum; the range's end closes the step. 0: the whole range at once.
  int64_t token_block = 0;
};

// Runs the schedule in order, from `start`. Throws Error where shapes or ranges do not fit.
TttResult run_recurrent(const UpdateRule& rule,
                        const InnerState& start,
                        const TttInputs& inputs,
                        const Schedule& schedule,
                        const RecurrentOptions& options = {});

// The same from fresh weights.
TttResult run_recurrent(const UpdateRule& rule,
                        const FastWeights& weights,
                        const TttInputs& inputs,
                        const Schedule& schedule,
                        const RecurrentOptions& options = {});

}  // namespace parallax
