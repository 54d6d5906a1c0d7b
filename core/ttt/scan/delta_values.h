// The delta rule as linear attention: its effective values.
#pragma once

#include "core/base/torch.h"

namespace parallax {

// Updates of up to so many tokens in all are solved together, kChannelTileTokens of them where each
// channel has decays of its own.
inline constexpr int64_t kDeltaGroupTokens = 64;

// N updates of a state S [Dh, D] by C tokens each, S ← α S + Σ kᵀ η (v − k α S), α a number or a
// diagonal matrix, where the tokens of an update see the same state.
struct DeltaUpdates {
  Tensor state;   // [batch, Dh, D], before the first
  Tensor keys;    // [batch, N, C, Dh]
  Tensor values;  // [batch, N, C, D]
  Tensor rates;   // [batch, N, C, 1]: η; undefined: 1
  Tensor decays;  // [batch, N, 1 or Dh, 1]: α; undefined: 1
};

// û = η (v − k α S) of each token, with which S ← α S + Σ kᵀ û: what a token adds does not depend
// on the state any more. Several updates at a time, by a triangular system instead of one after the
// other (the UT transform of arXiv 2406.06484 §3.2, with decays as in arXiv 2412.06464 §3.3).
// Differentiable; in the state's precision, float32 at least.
Tensor delta_values(const DeltaUpdates& updates);  // → as values

}  // namespace parallax
