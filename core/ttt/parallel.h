// The parallel form: the same rule as linear attention (docs/dev/spec.md §5; the paper's Appendix
// I).
#pragma once

#include "core/ttt/recurrent.h"

namespace parallax {

// Chunk-wise form: one batched product for all updating ranges, a prefix scan over them, one
// batched product for all applying ranges. Linear in the tokens. Over a single updating range it is
// one product over all of its tokens, for every rule. Ranges so long that their products fill the
// cache, and schedules that apply nothing, run as in the recurrent form. Throws UsageError naming
// the switch that breaks associativity where there is no such form, and Error where shapes or
// ranges do not fit.
TttResult run_parallel(const UpdateRule& rule,
                       const InnerState& start,
                       const TttInputs& inputs,
                       const Schedule& schedule);

// The same from fresh weights.
TttResult run_parallel(const UpdateRule& rule,
                       const FastWeights& weights,
                       const TttInputs& inputs,
                       const Schedule& schedule);

}  // namespace parallax
