// Linear attention and the delta rule with a decay per channel, a head's state going through all
// tokens in the nearest cache; compiled once per instruction set (see
// core/ops/elementwise/kernels.h).
#pragma once

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {

// Tokens per chunk that the scan takes at most.
inline constexpr int kChannelScanTokens = 64;

// Arguments of the scan over one head's tokens, in chunks: each updating chunk multiplies the rows
// of the state by its decays and adds its keys' products with its values or, under the delta rule,
// with their rates times what the values differ from the decayed state's. Its queries read the
// state before or after it. Rows are dense.
template <class T>
struct ChannelScan {
  std::int64_t inner = 0;     // Dh
  std::int64_t width = 0;     // D
  std::int64_t chunk = 0;     // tokens, at most kChannelScanTokens; the last chunk may have fewer
  std::int64_t updating = 0;  // tokens from the first that update
  std::int64_t applied = 0;   // tokens from the first that are applied to, at least as many
  bool reads_own_step = false;
  T factor = 1;                // of each step
  const T* keys = nullptr;     // [updating, Dh]
  const T* values = nullptr;   // [updating, D]
  const T* queries = nullptr;  // [applied, Dh]
  const T* decays = nullptr;   // [updating chunks, Dh]
  const T* rates = nullptr;    // [updating], of the delta rule; null: not that rule
  T* output = nullptr;         // [applied, D]
  T* state = nullptr;          // [Dh, D], before the scan, then after it
};

// The kernels for one type of elements.
template <class T>
struct ChannelKernels {
  void (*scan)(const ChannelScan<T>&);
};

// The kernels of one instruction set.
struct ChannelTables {
  ChannelKernels<float> f32;
  ChannelKernels<double> f64;
};

extern const ChannelTables kChannelPortable;
extern const ChannelTables kChannelAvx2;
extern const ChannelTables kChannelAvx512;

}  // namespace parallax::kernels
