// The elastic pull on tokens' products on the CPU: one head after another, its state in the cache.
#pragma once

#include "core/ttt/scan/chunkwise_cpu.h"
#include "core/ttt/scan/elastic.h"

namespace parallax {

// The steps of elastic.h where they are sums of the tokens' products: each query times the weights
// as they are at that token, [batch, applied, D], without any state in memory but the last. The
// steps' importances are their squares, or else magnitudes; the tiling's tiles are not used, and
// its factor is 1 or −1. `features` without decays and rates, in the state's dtype, float32 or
// float64. Replaces `state` by the one after all steps. Records no graph for a backward pass.
Tensor elastic_outputs(const ElasticOptions& options,
                       const TileFeatures& features,
                       const Tiling& tiling,
                       bool squares,
                       ElasticState& state);

}  // namespace parallax
