// The parallel form over small chunks, with a tile of its own.
#pragma once

#include "core/ttt/recurrent.h"
#include "core/ttt/token_ranges.h"

namespace parallax {

// True where run_tiled() has tiles one after the other, with the state in the processor's cache.
bool runs_in_cache(const InnerState& start, const TttInputs& inputs);

// True where the steps are sums of the keys' products, or of those of what orthogonalising few
// tokens leaves of them, and memoryless; the chunks are equal, both updated on and applied to; and
// tiles gain anything.
bool has_tiled_form(const UpdateRule& rule,
                    const InnerState& start,
                    const TttInputs& inputs,
                    const Ranges& ranges);

// Tiles of some chunks each: what earlier tiles wrote comes from a state, what the tile's own
// chunks wrote from masked products of queries and keys. Tiles run one after the other with the
// state in the cache, or where that is not to be had as batched products around a prefix sum.
TttResult run_tiled(const UpdateRule& rule,
                    const InnerState& start,
                    const TttInputs& inputs,
                    const Ranges& ranges);

}  // namespace parallax
