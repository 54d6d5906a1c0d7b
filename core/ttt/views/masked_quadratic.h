// The layer as attention with a mask of chunks (docs/dev/spec.md §5).
#pragma once

#include "core/ttt/inner_update.h"

namespace parallax {

// Masked quadratic form, O = Φ(Q) W1 + [(Φ(Q) Φ(K)ᵀ) ⊙ A] Ṽ: a check of the other two forms,
// quadratic in the tokens. Exists where the step is linear in the gradient (no orthogonalisation,
// no weight norm, no elastic pull, the dot-product loss); throws UsageError otherwise.
Tensor run_masked_quadratic(const UpdateRule& rule,
                            const FastWeights& weights,
                            const TttInputs& inputs,
                            const Schedule& schedule);  // [batch, applied tokens, D]

}  // namespace parallax
