// Linear attention and the delta rule with a decay per channel, on the CPU: one head after another,
// its state in the cache.
#pragma once

#include "core/ttt/kernels/channel_scan.h"
#include "core/ttt/scan/chunkwise_cpu.h"

namespace parallax {

// Each query times the state as it is at that token, [batch, applied, D]. `features` with decays
// [batch, updating chunks, Dh] in the state's dtype, float32 or float64; the tiling's tiles are not
// used, and its chunks have at most kernels::kChannelScanTokens tokens. Updates `state`, which must
// be dense, in place to its final value. Records no graph for a backward pass.
Tensor channel_outputs(const TileFeatures& features, const Tiling& tiling, const Tensor& state);

}  // namespace parallax
