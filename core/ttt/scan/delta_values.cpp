// Triangular systems for groups of updates, the state between them.
#include "core/ttt/scan/delta_values.h"

#include <algorithm>

#include "core/ttt/scan/tile_products.h"

namespace parallax {
namespace {

// Groups of updates, a group's tokens one after the other.
struct DeltaGroups {
  int64_t count = 0;    // groups
  int64_t updates = 0;  // per group
  int64_t length = 0;   // tokens per update

  // [batch, N, C, width] → [batch, groups, tokens, width], padded with zeros, which add nothing.
  Tensor tokens(const Tensor& x) const {
    return torch::constant_pad_nd(x, {0, 0, 0, 0, 0, count * updates - x.size(1)})
        .reshape({x.size(0), count, updates * length, x.size(3)});
  }
};

}  // namespace

Tensor delta_values(const DeltaUpdates& updates) {
  const auto dtype =
      updates.state.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  const int64_t batch = updates.keys.size(0);
  const int64_t steps = updates.keys.size(1);
  DeltaGroups groups{.length = updates.keys.size(2)};
  const bool of_channels = updates.decays.defined() && updates.decays.size(2) > 1;
  const int64_t together = of_channels ? kChannelTileTokens : kDeltaGroupTokens;
  groups.updates = std::clamp<int64_t>(together / groups.length, 1, steps);
  groups.count = (steps + groups.updates - 1) / groups.updates;
  const Tensor keys = groups.tokens(updates.keys.to(dtype));
  const Tensor values = groups.tokens(updates.values.to(dtype));
  const Tensor rates = updates.rates.defined()
                           ? groups.tokens(updates.rates.to(dtype))
                           : torch::ones({batch, groups.count, keys.size(2), 1}, keys.options());
  const Tensor decays =
      updates.decays.defined()
          ? torch::constant_pad_nd(updates.decays.to(dtype).squeeze(3),
                                   {0, 0, 0, groups.count * groups.updates - steps},
                                   1)
                .view({batch, groups.count, groups.updates, updates.decays.size(2)})
          : torch::ones({batch, groups.count, groups.updates, 1}, keys.options());
  const TileProducts own = tile_products(keys, keys, decays, groups.length, OwnUpdate::kDecay);

  // û_i + η_i Σ_j (k_i · k_j) α_{j…i} û_j = η_i (v_i − k_i α_{0…i} S), over the earlier updates j
  // of the group: solved for the part without S and for the factor of S.
  Tensor right = torch::cat({rates * values, rates * own.of_state * keys}, -1);
  if (groups.updates > 1) {
    // Of a unit triangle, the diagonal is not read.
    right = at::linalg_solve_triangular(rates * own.scores, right, false, true, true);
  }
  const int64_t width = values.size(3);
  const Tensor known = right.slice(3, 0, width);
  const Tensor of_state = right.slice(3, width);

  Tensor state = updates.state.to(dtype);
  std::vector<Tensor> effective;
  for (int64_t i = 0; i < groups.count; ++i) {
    effective.push_back(known.select(1, i) - of_state.select(1, i).matmul(state));
    state = own.at_end.select(1, i) * state +
            own.held_keys.select(1, i).transpose(1, 2).matmul(effective.back());
  }
  return torch::stack(effective, 1)
      .view({batch, groups.count * groups.updates, groups.length, width})
      .slice(1, 0, steps)
      .to(updates.values.scalar_type());
}

}  // namespace parallax
