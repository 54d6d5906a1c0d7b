// Triangular systems for groups of updates, the state between them.
#include "core/ttt/scan/delta_values.h"

#include <algorithm>

#include "core/ttt/scan/linear_recurrence.h"

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
  // Per update → per token, along one dimension.
  Tensor each_token(const Tensor& x, int64_t dimension) const {
    return length == 1 ? x : x.repeat_interleave(length, dimension);
  }
};

}  // namespace

Tensor delta_values(const DeltaUpdates& updates) {
  const auto dtype =
      updates.state.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  const int64_t batch = updates.keys.size(0);
  const int64_t steps = updates.keys.size(1);
  DeltaGroups groups{.length = updates.keys.size(2)};
  groups.updates = std::clamp<int64_t>(kDeltaGroupTokens / groups.length, 1, steps);
  groups.count = (steps + groups.updates - 1) / groups.updates;
  const Tensor keys = groups.tokens(updates.keys.to(dtype));
  const Tensor values = groups.tokens(updates.values.to(dtype));
  const Tensor rates = updates.rates.defined()
                           ? groups.tokens(updates.rates.to(dtype))
                           : torch::ones({batch, groups.count, keys.size(2), 1}, keys.options());
  const Tensor decays = updates.decays.defined()
                            ? torch::constant_pad_nd(updates.decays.to(dtype).view({batch, steps}),
                                                     {0, groups.count * groups.updates - steps},
                                                     1)
                                  .view({batch, groups.count, groups.updates})
                            : torch::ones({batch, groups.count, groups.updates}, keys.options());
  const Tensor between = decay_between(decays);  // [batch, groups, updates, updates]
  const Tensor since_start = decays.cumprod(-1).unsqueeze(-1);

  // û_i + η_i Σ_j (k_i · k_j) α_{j…i} û_j = η_i (v_i − k_i α_{0…i} S), over the earlier updates j
  // of the group: solved for the part without S and for the factor of S.
  Tensor right = torch::cat({rates * values, rates * groups.each_token(since_start, 2) * keys}, -1);
  if (groups.updates > 1) {
    const Tensor earlier = groups.each_token(groups.each_token(between.tril(-1), 2), 3);
    const Tensor system = rates * earlier * keys.matmul(keys.transpose(2, 3));
    // Of a unit triangle, the diagonal is not read.
    right = at::linalg_solve_triangular(system, right, false, true, true);
  }
  const int64_t width = values.size(3);
  const Tensor own = right.slice(3, 0, width);
  const Tensor of_state = right.slice(3, width);
  // What a group's last state holds of each token.
  const Tensor held =
      keys * groups.each_token(between.select(2, groups.updates - 1), 2).unsqueeze(-1);

  Tensor state = updates.state.to(dtype);
  std::vector<Tensor> effective;
  for (int64_t i = 0; i < groups.count; ++i) {
    effective.push_back(own.select(1, i) - of_state.select(1, i).matmul(state));
    state = since_start.select(1, i).slice(1, groups.updates - 1) * state +
            held.select(1, i).transpose(1, 2).matmul(effective.back());
  }
  return torch::stack(effective, 1)
      .view({batch, groups.count * groups.updates, groups.length, width})
      .slice(1, 0, steps)
      .to(updates.values.scalar_type());
}

}  // namespace parallax
