// Linear attention by tiles on the CPU: one head after another, its state in the cache.
#pragma once

#include "core/base/torch.h"

namespace parallax {

// How a range of tokens is divided into chunks and tiles.
struct Tiling {
  int64_t first = 0;        // first token
  int64_t applied = 0;      // number of tokens from `first` that are applied to
  int64_t updating = 0;     // number of tokens from `first` that update
  int64_t chunk = 0;        // tokens per chunk
  int64_t tile = 0;         // number of tokens, a multiple of the chunk
  int64_t own_updates = 0;  // whether a chunk's queries see their own chunk's update: 0 or 1
  double factor = 1;        // of each chunk's step
};

// Φ of the keys and of the queries, and the values.
struct TileFeatures {
  Tensor keys;     // [batch, updating, Dh]
  Tensor values;   // [batch, updating, D]
  Tensor queries;  // [batch, applied, Dh]
  // Of the state before each chunk's step, [batch, updating chunks, 1], or [batch, updating chunks,
  // Dh] of its rows; undefined: 1.
  Tensor decays;
  // The delta rule: each token's rate, [batch, updating], times what its value differs from the
  // state's for its key takes the value's place. Undefined: values are as they are.
  Tensor rates;
};

// Whether run_heads() takes features of this dtype with such a state; the delta rule only those of
// the state's own.
bool has_head_kernels(torch::Dtype features, const Tensor& state);  // [batch, Dh, D]

// Each query times the state as it is at that token, [batch, applied, D]. Without decays of rows
// (see channel_cpu.h). Updates `state`, which
// must be dense, in place to its final value. Records no graph for a backward pass.
Tensor run_heads(const TileFeatures& features, const Tiling& tiling, const Tensor& state);

}  // namespace parallax
