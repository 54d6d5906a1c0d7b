// One gradient step of the inner loop (docs/dev/spec.md §2; LaCT §3): the pieces that both forms
// consist of.
#pragma once

#include "core/ttt/inner_gradient.h"

namespace parallax {

// The momentum coefficient of tokens [start, end), [batch, 1, 1]; undefined without momentum.
Tensor momentum_of_range(const VariantSwitches& rule,
                         const TttInputs& inputs,
                         int64_t start,
                         int64_t end);

// The factors of tokens [start, end) on the rows of the weights, [batch, 1 or Dh, 1]; undefined
// without a decay.
Tensor decay_of_range(const VariantSwitches& rule,
                      const TttInputs& inputs,
                      int64_t start,
                      int64_t end);

// Begins a step: multiplies the matrices that the rule updates by the decay, if there is one.
void decay_weights(const VariantSwitches& rule,
                   const Tensor& decay,  // [batch, 1 or Dh, 1] or undefined
                   InnerState& state);

// The importance of a step for each element; undefined where the rule has none.
Tensor importance_of_step(Importance importance,
                          const Tensor& step,     // [..., rows, cols], after orthogonalisation
                          const Tensor& weights,  // with the step; kPath alone reads these two
                          const Tensor& anchor);  // → as step

// Closes a step: momentum, orthogonalisation, addition, elastic pull, weight normalisation.
void close_step(const UpdateRule& rule,
                const FastWeights& gradient,
                const Tensor& momentum,  // [batch, 1, 1] or undefined
                InnerState& state);

// Begins a step, computes range_gradient() of tokens [start, end) and closes the step with it; from
// low-rank factors when the range has clearly fewer tokens than D and Dh.
void update_on_tokens(const UpdateRule& rule,
                      const TttInputs& inputs,
                      int64_t start,
                      int64_t end,
                      InnerState& state);

}  // namespace parallax
