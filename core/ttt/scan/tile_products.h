// Scores of queries with the keys of their tile, and what decays leave of the tile's keys.
#pragma once

#include "core/base/torch.h"

namespace parallax {

// Of the update of its own chunk a token sees nothing, the decay alone, or all.
enum class OwnUpdate { kUnseen, kDecay, kSeen };

// Tiles of n updates by C tokens each. An update decays the state and then adds its tokens.
struct TileProducts {
  Tensor scores;  // [batch, tiles, n·C, n·C]: query · key times the decays between, 0 if unseen
  Tensor held_keys;  // [batch, tiles, n·C, Dh]: the keys as the state after the tile holds them
  // What is left of the state before the tile, [batch, tiles, n·C, 1 or Dh], where each token reads
  // it; undefined without decays.
  Tensor of_state;
  Tensor at_end;  // the same after the tile, [batch, tiles, 1 or Dh, 1]
};

// The longest tile in which decays of channels are followed from key to query: the work a token
// grows with the tile, that of a state between tiles does not.
inline constexpr int64_t kChannelTileTokens = 16;

// A decay of the whole state scales scores; those of channels act on the keys before a score is a
// sum, so each of a tile's updates makes a copy of the keys before it. By products of the decays
// between, not by quotients of running products, so that decays of zero are exact. Differentiable.
TileProducts tile_products(const Tensor& queries,  // [batch, tiles, n·C, Dh]
                           const Tensor& keys,     // likewise
                           const Tensor& decays,   // [batch, tiles, n, 1 or Dh]; undefined: 1
                           int64_t chunk,          // C
                           OwnUpdate own);

}  // namespace parallax
