// What split_heads() and merge_heads() compute, in LibTorch operations: the oracle of their
// kernels.
#pragma once

#include "core/ops/elementwise/fused.h"

namespace parallax {

// split_heads() of inputs that fit; `weights` has one entry for each part, undefined where its mode
// needs none.
std::vector<Tensor> split_heads_reference(const Tensor& packed,  // [B, L, parts·heads·D]
                                          const HeadSplit& split,
                                          const std::vector<Tensor>& weights);

Tensor merge_heads_reference(const Tensor& parted,  // [B·heads, L, D]
                             int64_t heads,
                             const Tensor& weight,  // [D]
                             double eps);           // → [B, L, heads·D]

}  // namespace parallax
