// Types that CPU and CUDA kernels share. Includes no library, like the sources that are compiled
// for one instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ops/common/device.h"

namespace parallax::kernels {

// A bfloat16 value as it is stored.
struct BFloat16Bits {
  std::uint16_t bits;
};

// The type of arithmetic on elements stored as S: double for double, else float.
template <class S>
struct ComputeOf {
  using Type = float;
};
template <>
struct ComputeOf<double> {
  using Type = double;
};
// The type of arithmetic on elements stored as S.
template <class S>
using Compute = typename ComputeOf<S>::Type;

// What is done to a head's row when a packed projection is split.
enum class HeadMode {
  kCopy,      // x
  kSilu,      // silu(x)
  kSiluUnit,  // silu(x) / (‖silu(x)‖ + eps)
  kRmsNorm,   // x / √(mean x² + eps) ⊙ weight
  kRotate,    // neighbouring pairs of x rotated by the token's angles
};

// How many parts a packed projection may have.
inline constexpr int kMaxParts = 3;

// Where a head's tokens are stored in a part, which is [batch, heads, tokens, width] or [heads,
// batch, tokens, width]. Strides are in elements.
struct PartLayout {
  std::int64_t tokens = 0;  // of one batch element
  std::int64_t heads = 0;
  std::int64_t width = 0;
  std::int64_t batch_stride = 0;
  std::int64_t head_stride = 0;
};

// Arguments for splitting packed [batch · tokens, parts · heads · width], its rows packed_stride
// apart, into parts, and for the backward pass.
template <class S>
struct SplitHeads {
  PartLayout layout;
  int parts = 0;
  std::int64_t packed_stride = 0;
  HeadMode mode[kMaxParts] = {};
  Compute<S> eps = 0;
  const Compute<S>* weight[kMaxParts] = {};  // [width] for kRmsNorm
  const Compute<S>* rotations = nullptr;  // [tokens, heads · width / 2, 2] for kRotate: cos, sin
  const S* packed = nullptr;
  S* part[kMaxParts] = {};                 // forward: outputs
  const S* part_gradient[kMaxParts] = {};  // backward: null where there is no gradient
  S* packed_gradient = nullptr;            // dense
};

// Arguments for merging parted [batch · heads, tokens, width] into merged [batch · tokens, heads ·
// width], RMS-normalised, and for the backward pass.
template <class S>
struct MergeHeads {
  PartLayout layout;
  Compute<S> eps = 0;
  const Compute<S>* weight = nullptr;  // [width]
  const S* parted = nullptr;
  S* merged = nullptr;
  const S* merged_gradient = nullptr;
  S* parted_gradient = nullptr;
};

inline constexpr int kTaps = 9;  // of a 3×3 kernel, row by row

// Arguments of the depthwise kernels, convolution and correlation. Row r of `to` reads rows r +
// offset − 1 … r + offset + 1 of `from`; pixels outside are zero. Strides are in elements; channels
// are contiguous.
template <class S>
struct Depthwise {
  std::int64_t images = 0;
  std::int64_t from_rows = 0;
  std::int64_t to_rows = 0;
  std::int64_t cols = 0;
  std::int64_t channels = 0;
  std::int64_t offset = 0;
  const S* from = nullptr;       // [images, from_rows, cols, channels]
  std::int64_t from_stride = 0;  // from one column to the next; rows are contiguous
  std::int64_t from_image_stride = 0;
  // convolution: to = Σ_tap weight[tap] ⊙ shifted from + bias
  const Compute<S>* weight = nullptr;    // [taps, channels] per image
  std::int64_t weight_image_stride = 0;  // 0: one kernel for all images
  const Compute<S>* bias = nullptr;      // [channels] or null
  S* to = nullptr;                       // [images, to_rows, cols, channels], dense
  // correlation: sums[tap] = Σ over pixels of values ⊙ shifted from
  const S* values = nullptr;  // [images, to_rows, cols, channels]
  std::int64_t values_stride = 0;
  std::int64_t values_image_stride = 0;
  Compute<S>* sums = nullptr;  // [images, taps, channels]
};

// Arguments for h = silu(a) ⊙ m, its rows scaled by a rate, and for its backward pass; all [rows,
// width].
template <class S>
struct SwiGlu {
  std::int64_t width = 0;
  const S* a = nullptr;
  const S* m = nullptr;
  const Compute<S>* rate = nullptr;  // [rows]; null: 1
  S* h = nullptr;
  const S* h_gradient = nullptr;
  S* a_gradient = nullptr;
  S* m_gradient = nullptr;
  Compute<S>* rate_gradient = nullptr;  // [rows]; null where there is no rate
};

// Arguments for the backward pass of the inner net f(k) = (silu(a) ⊙ m) W1, and for the gradient of
// that pass; all [rows, width], rates [rows] or null.
template <class S>
struct InnerGradients {
  std::int64_t width = 0;
  const S* a = nullptr;
  const S* m = nullptr;
  const S* dh = nullptr;
  const Compute<S>* lr0 = nullptr;
  const Compute<S>* lr1 = nullptr;
  const Compute<S>* lr2 = nullptr;
  S* h = nullptr;   // silu(a) ⊙ m · lr1
  S* da = nullptr;  // dh ⊙ m ⊙ silu'(a) · lr0
  S* dm = nullptr;  // dh ⊙ silu(a) · lr2
  const S* h_gradient = nullptr;
  const S* da_gradient = nullptr;
  const S* dm_gradient = nullptr;
  S* a_gradient = nullptr;
  S* m_gradient = nullptr;
  S* dh_gradient = nullptr;
  Compute<S>* lr0_gradient = nullptr;
  Compute<S>* lr1_gradient = nullptr;
  Compute<S>* lr2_gradient = nullptr;
};

}  // namespace parallax::kernels
