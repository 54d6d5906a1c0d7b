// How many arithmetic operations a TTT layer needs, so that a measured time becomes GFLOP/s.
#pragma once

#include <cstdint>

#include "core/ops/newton_schulz/newton_schulz.h"
#include "core/ttt/variant.h"

namespace parallax {

// The sizes of one TTT layer.
struct LayerShape {
  int64_t batch = 1;   // batch × heads
  int64_t width = 0;   // D
  int64_t hidden = 0;  // Dh; equal to D where the feature map is the identity
};

// Additions and multiplications in the matrix products that one pass over the schedule needs, each
// product counted once. Element-wise work is not counted. Newton–Schulz counts with one triangle of
// its symmetric products, as the iteration is written or on the Gram matrix (see
// newton_schulz_gram.h), whichever is less; for updates from few tokens on their low-rank factors,
// if that is less still.
double matmul_flops(const VariantSwitches& rule,
                    const NewtonSchulzOptions& newton_schulz,
                    const LayerShape& shape,
                    const Schedule& schedule);

}  // namespace parallax
