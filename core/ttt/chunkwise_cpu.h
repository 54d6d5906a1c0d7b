// Tiles of linear attention on the CPU, one head after the other, the state in the cache.
#pragma once

#include "core/base/torch.h"

namespace parallax {

// How a range of tokens is cut.
struct Tiling {
  int64_t first = 0;     // token
  int64_t applied = 0;   // tokens from there
  int64_t updating = 0;  // tokens from there that update
  int64_t chunk = 0;
  int64_t tile = 0;         // tokens, a multiple of the chunk
  int64_t own_updates = 0;  // whether a chunk's queries see their own chunk's update: 0 or 1
  double factor = 1;        // of each chunk's step
};

// Φ of keys and queries, and values.
struct TileFeatures {
  Tensor keys;     // [batch, updating, Dh]
  Tensor values;   // [batch, updating, D]
  Tensor queries;  // [batch, applied, Dh]
};

// Whether run_heads() takes features of this dtype beside such a state.
bool has_head_kernels(torch::Dtype features, const Tensor& state);  // [batch, Dh, D]

// Queries times what the state is when they are reached, [batch, applied, D]; `state`, dense, is
// left as it is at the end. Nothing is recorded for a backward pass.
Tensor run_heads(const TileFeatures& features, const Tiling& tiling, const Tensor& state);

}  // namespace parallax
