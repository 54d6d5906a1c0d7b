// Weight normalisation: columns scaled back to the norms that they had at the sequence's start
// (LaCT §3.2).
#pragma once

#include "core/ttt/inner_update.h"

namespace parallax {

// ‖w‖ over the rows of each column.
Tensor column_norms(const UpdateRule& rule,
                    const Tensor& w);  // [..., rows, cols] → [..., 1, cols]

// norms / (‖w‖ + 1e-5): what weight norm multiplies a column by.
Tensor column_scale(const UpdateRule& rule,
                    const Tensor& w,       // [..., rows, cols]
                    const Tensor& norms);  // [..., 1, cols] → the same

// w / (‖w‖ + 1e-5) · norms.
Tensor normalise_columns(const UpdateRule& rule,
                         const Tensor& w,       // [..., rows, cols]
                         const Tensor& norms);  // [..., 1, cols] → as w

// Weights after a step, before and after normalisation.
struct SteppedWeights {
  Tensor sum;  // may be undefined where the rule does not need it; pre-norm does
  Tensor normalised;
};

// main + step (main − step where the rule ascends), and the same with its columns scaled to
// `norms`.
SteppedWeights add_and_normalise(const UpdateRule& rule,
                                 const Tensor& main,    // [batch, rows, cols]
                                 const Tensor& step,    // the same
                                 const Tensor& norms);  // [batch, 1, cols]

}  // namespace parallax
