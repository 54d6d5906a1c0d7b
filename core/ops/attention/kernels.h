// The row functions of attention, between its matrix products; compiled once per instruction set
// (see core/ops/elementwise/kernels.h).
#pragma once

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {

// Arguments for p = softmax(s), row by row, and for its backward pass; all [rows, cols], dense.
template <class S>
struct Softmax {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const float* scores = nullptr;
  S* weights = nullptr;       // p
  float* log_sums = nullptr;  // [rows] log Σ eˢ: forward writes them, backward reads them
  // backward: ds = scale · p ⊙ (dp − Σ dp ⊙ p); computes p once more
  float scale = 1;
  const float* weights_gradient = nullptr;  // dp
  S* scores_gradient = nullptr;             // ds
};

// The kernels for one storage type.
template <class S>
struct AttentionKernels {
  void (*softmax)(const Softmax<S>&);
  void (*softmax_backward)(const Softmax<S>&);
};

// The kernels of one instruction set.
struct AttentionTables {
  AttentionKernels<float> f32;
  AttentionKernels<BFloat16Bits> bf16;
};

extern const AttentionTables kAttentionPortable;
extern const AttentionTables kAttentionAvx2;
extern const AttentionTables kAttentionAvx512;

}  // namespace parallax::kernels
