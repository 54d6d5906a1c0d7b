// Arguments of the kernels that only CUDA has; the others take those of
// core/ops/common/kernel_types.h. All tensors are dense.
#pragma once

#include "core/ops/common/kernel_types.h"

namespace parallax::cuda {

// Elements that one thread reads and writes at once, where rows are a multiple of them long and
// begin at one: 16 bytes of 16-bit elements. Others go one by one.
inline constexpr int kVector = 8;

// A float16 value as it is stored: where products are to lose less to rounding than in bfloat16.
struct Float16Bits {
  std::uint16_t bits;
};

// The running state x_i = factor_i · x_{i−1} + scale · steps_i: momentum, or a running sum. Kept
// are `kept` states from the one after `first` steps on; the one after 0 steps is the start.
template <class In, class Out>
struct LinearScan {
  std::int64_t batch = 0;
  std::int64_t count = 0;
  std::int64_t size = 0;           // elements per state
  const float* start = nullptr;    // [batch, size]; null: 0
  const float* factors = nullptr;  // [batch, count]; null: 1
  const In* steps = nullptr;       // [batch, count, size]
  std::int64_t apart = 0;          // elements from one batch element's steps to the next one's
  float scale = 1;
  std::int64_t first = 1;
  std::int64_t kept = 0;
  Out* states = nullptr;  // [batch, kept, size]
  float* end = nullptr;   // [batch, size]: the state after all steps; null: not wanted
};

// to = from · factor of the matrix
template <class In, class Out>
struct ScaledCopy {
  std::int64_t batch = 0;
  std::int64_t size = 0;           // elements per matrix
  const In* from = nullptr;        // [batch, size]
  const float* factors = nullptr;  // [batch]
  Out* to = nullptr;               // [batch, size]
};

// h = silu(a) ⊙ m · rate of the row, where a and m are the halves of a packed row.
template <class S>
struct GatedHidden {
  std::int64_t rows = 0;
  std::int64_t width = 0;
  const S* packed = nullptr;    // [rows, 2 · width]
  const float* rate = nullptr;  // [rows]; null: 1
  S* h = nullptr;               // [rows, width]
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

}  // namespace parallax::cuda
