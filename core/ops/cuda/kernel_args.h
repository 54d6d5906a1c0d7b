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

inline constexpr int kInnerWidth = 32;  // channels of a head, and of the convolution

// ViT³'s two inner nets for each image, each trained by one step on all its tokens and then
// applied, as core/ops/glu_net and core/ops/depthwise do it: a gated linear unit per head, and a
// depthwise 3×3 convolution of as many channels as a head has.
//   g1 = scale · kᵀ(v ⊙ silu(k W2)), g2 = scale · kᵀ(v ⊙ k W1 ⊙ silu'(k W2)); W ← W + sign · g,
//   each column of g divided by its norm + 1 where normalised;
//   w3 ← w3 + s / (‖s‖ + 1) for each channel, s = scale · (the correlation of v2 with k2).
struct InnerNets {
  std::int64_t images = 0;
  std::int64_t rows = 0;  // of an image's tokens
  std::int64_t cols = 0;
  std::int64_t heads = 0;
  bool trains_gate = true;
  bool normalised = true;
  bool applies_to_keys = false;  // in place of the queries
  float scale = 1;
  float sign = 1;
  // [images · rows · cols, 3 · (heads + 1) · width]: q, k, v of all heads, then q2, k2, v2
  const kernels::BFloat16Bits* packed = nullptr;
  std::int64_t packed_stride = 0;    // elements from row to row
  const float* rotations = nullptr;  // [rows · cols, heads · width / 2, 2] of q and k; null: none
  const float* w1 = nullptr;         // [heads, width, width]
  const float* w2 = nullptr;         // [heads, width, width]
  const float* w3 = nullptr;         // [width, 9]
  kernels::BFloat16Bits* out = nullptr;  // [images · rows · cols, (heads + 1) · width]
};

// normed = LayerNorm(sum), where sum = x + its depthwise 3×3 convolution for tokens in grid order,
// or x itself where there are no taps.
struct TokenNorm {
  std::int64_t images = 0;
  std::int64_t rows = 0;  // of an image's tokens
  std::int64_t cols = 0;
  std::int64_t width = 0;
  const kernels::BFloat16Bits* x = nullptr;          // [images · rows · cols, width]
  const kernels::BFloat16Bits* taps = nullptr;       // [width, 9]; null: no convolution
  const kernels::BFloat16Bits* taps_bias = nullptr;  // [width]; null: 0
  kernels::BFloat16Bits* sum = nullptr;              // as x; unused without taps
  const kernels::BFloat16Bits* weight = nullptr;     // [width]
  const kernels::BFloat16Bits* bias = nullptr;       // [width]; null: 0
  float eps = 0;
  kernels::BFloat16Bits* normed = nullptr;  // as x
};

// Images cut into square patches, each a row: its channels, one after the other, row by row.
struct PatchRows {
  std::int64_t images = 0;
  std::int64_t channels = 0;
  std::int64_t rows = 0;  // multiples of `patch`
  std::int64_t cols = 0;
  std::int64_t patch = 0;                    // a multiple of kVector
  const kernels::BFloat16Bits* x = nullptr;  // [images, channels, rows, cols]
  kernels::BFloat16Bits* out = nullptr;  // [images, rows / patch · cols / patch, channels · patch²]
};

}  // namespace parallax::cuda
