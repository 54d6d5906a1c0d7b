// First-order linear recurrences over chunks, as scans.
#pragma once

#include "core/base/torch.h"

namespace parallax {

// M_i = steps_i + factors_i M_{i−1} from M_0 = 0, for all i: log₂ N batched steps, or (where there
// is one factor per step) one kernel on a GPU. Differentiable.
Tensor linear_recurrence(const Tensor& steps,     // [batch, N, rows, cols]
                         const Tensor& factors);  // [batch, N, 1 or rows, 1 or cols] → as steps

// S_i = decays_i S_{i−1} + scale · steps_i from S_0 = start, for all i.
Tensor decayed_sums(const Tensor& start,   // [batch, rows, cols]
                    const Tensor& steps,   // [batch, N, rows, cols]
                    const Tensor& decays,  // [batch, N, 1 or rows, 1]; undefined: 1
                    double scale);         // → as steps

// What decays leave of step j after step i: Π_{j < s ≤ i} decays_s, 1 for i = j, 0 for i < j. By
// products, not by differences of logarithms, so that decays of zero are exact.
Tensor decay_between(const Tensor& decays);  // [..., N] → [..., N (i), N (j)]

}  // namespace parallax
