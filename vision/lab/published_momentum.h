// Momentum over chunks as the paper's authors parallelise it, to show what becomes of it.
#pragma once

#include "core/ttt/inner_update.h"
#include "core/ttt/schedule.h"

namespace parallax::lab {

// Added to the running product of the momenta before dividing by it.
inline constexpr double kPublishedEps = 1e-8;

// Velocities V_i = G_i + β_i V_{i−1} by quotients of running products: P_i = Π_{j ≤ i} β_j,
// V_i = P_i Σ_{j ≤ i} G_j / (P_j + 1e-8). Exact as long as P_j is far above 1e-8; once it is below,
// the terms of the last chunks are multiplied by P_i / 1e-8 and vanish.
Tensor published_velocities(const Tensor& gradients,  // [batch, N, rows, cols]
                            const Tensor& momenta);   // [batch, N, 1, 1] → [batch, N, rows, cols]

// Whether run_published_parallel() takes the rule: it has a parallel form, the dot-product loss,
// and neither decay nor elastic pull.
bool has_published_parallel(const VariantSwitches& rule);

// The whole layer with these velocities, over equal chunks that each update and are then applied
// to: [batch, L, D]. For rules of the kind above, with momentum; throws
// Error otherwise.
Tensor run_published_parallel(const UpdateRule& rule,
                              const FastWeights& weights,
                              const TttInputs& inputs,
                              int64_t chunk);  // divides L

}  // namespace parallax::lab
