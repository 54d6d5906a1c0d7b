// Arguments of the kernels that only CUDA has; the others take those of
// core/ops/common/kernel_types.h. All tensors are dense.
#pragma once

#include "core/ops/common/kernel_types.h"

namespace parallax::cuda {

// states_i = factor_i · states_{i−1} + scale · steps_i: momentum, or a running sum.
struct LinearScan {
  std::int64_t batch = 0;
  std::int64_t count = 0;
  std::int64_t size = 0;           // elements per state
  const float* start = nullptr;    // [batch, size]; null: 0
  const float* factors = nullptr;  // [batch, count]; null: 1
  const float* steps = nullptr;    // [batch, count, size]
  float scale = 1;
  float* states = nullptr;  // [batch, count, size]
};

// out = w / (‖column‖ + eps) · norms
struct ColumnNorm {
  std::int64_t batch = 0;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const float* w = nullptr;      // [batch, rows, cols]
  const float* norms = nullptr;  // [batch, cols]
  float eps = 0;
  float* out = nullptr;  // [batch, rows, cols]
};

// Linear attention over chunks; each chunk is first added to the state and then read with it
// (variant 6): M ← M + scale · Kᵀ V, O = Q M.
template <class S>
struct LinearAttention {
  std::int64_t batch = 0;
  std::int64_t tokens = 0;
  std::int64_t chunk = 0;
  std::int64_t key_width = 0;
  std::int64_t value_width = 0;
  const S* q = nullptr;          // [batch, tokens, key_width]
  const S* k = nullptr;          // [batch, tokens, key_width]
  const S* v = nullptr;          // [batch, tokens, value_width]
  const float* start = nullptr;  // [batch, key_width, value_width]
  float scale = 1;
  S* output = nullptr;   // [batch, tokens, value_width]
  float* end = nullptr;  // [batch, key_width, value_width]
};

}  // namespace parallax::cuda
