// How many arithmetic operations a LaCT-NVS model's joint pass needs, so that a measured time
// becomes GFLOP/s.
#pragma once

#include <cstdint>

#include "core/ttt/flop_count.h"
#include "vision/models/lact_nvs/lact_options.h"

namespace parallax {

struct JointPassShape {
  int64_t batch = 1;
  int64_t input_views = 0;
  int64_t target_views = 0;
  int64_t tokens_per_view = 0;
};

// Additions and multiplications in the matrix products of LactNvs::forward, each product once:
// projections and MLPs over all tokens, attention within views, the TTT layers as core/ttt's
// matmul_flops counts them. Nothing element-wise; no rates that the variant does not read; not the
// rays, which are data.
double forward_flops(const LactNvsOptions& options,
                     const NewtonSchulzOptions& newton_schulz,
                     const JointPassShape& shape);

// The same and of the backward pass: a product's gradients are two products of its size, one a
// factor; only the pixels' and rays' is not needed. What the passes compute again to save memory
// does not count.
double training_flops(const LactNvsOptions& options,
                      const NewtonSchulzOptions& newton_schulz,
                      const JointPassShape& shape);

}  // namespace parallax
