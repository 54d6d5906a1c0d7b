// The parallel form over small chunks, several of which make up a tile.
#pragma once

#include "core/ttt/recurrent.h"
#include "core/ttt/token_ranges.h"

namespace parallax {

// True where run_chunkwise() runs tiles one after another, with the state in the processor's cache.
bool runs_in_cache(const InnerState& start, const TttInputs& inputs);

// True where steps are sums of products of keys and values, or of the low-rank factors that
// orthogonalising few tokens leaves of them, without momentum or weight norm; where chunks
// are of equal length, each both updated on and applied to; and where that gains anything.
bool has_chunkwise_form(const UpdateRule& rule,
                        const InnerState& start,
                        const TttInputs& inputs,
                        const Ranges& ranges);

// Tiles of several chunks each: the contribution of earlier tiles comes from a state, that of the
// tile's own chunks from masked products of queries and keys. Tiles run one after another with the
// state in the cache or, where that is not possible, as batched products around a prefix sum (on a
// GPU, some cases as one kernel).
TttResult run_chunkwise(const UpdateRule& rule,
                        const InnerState& start,
                        const TttInputs& inputs,
                        const Ranges& ranges);

}  // namespace parallax
