// Masked products within tiles, a prefix sum between them.
#include "core/ttt/parallel_chunkwise.h"

#include <algorithm>

#include "core/ops/common/dispatch.h"
#include "core/ops/matmul/batched_matmul.h"
#include "core/ops/newton_schulz/newton_schulz_low_rank.h"
#include "core/ttt/bound_tokens.h"
#include "core/ttt/kernels/channel_scan.h"
#include "core/ttt/scan/channel_cpu.h"
#include "core/ttt/scan/chunkwise_cpu.h"
#include "core/ttt/scan/elastic_cpu.h"
#include "core/ttt/scan/linear_recurrence.h"
#include "core/ttt/scan/tile_products.h"

namespace parallax {
namespace {

// Tokens per tile, as near a quarter of a head's width as chunks allow: then the masked products
// within a tile cost a quarter of those with the states, and the latter are still large enough.
constexpr int64_t kSmallestTile = 32;  // a multiple of the GEMM tile
constexpr int64_t kLargestTile = 256;
// The smallest chunk that is a tile by itself, if the state is in the cache.
constexpr int64_t kSmallestUnmasked = 16;
// The largest chunk on which the elastic kernel is faster than products of whole matrices.
constexpr int64_t kLargestElastic = 64;

// How many updates chunk i's queries have seen beyond i: 0 (apply, then update) or 1; −1 where the
// ranges are not the update and the application of one chunk after another.
int64_t updates_seen(const Ranges& ranges) {
  const auto& updating = ranges.updating;
  const auto& applying = ranges.applying;
  if (updating.empty() || applying.empty() || !are_uniform(updating) || !are_uniform(applying) ||
      updating.front().start != applying.front().start ||
      updating.front().length() != applying.front().length() ||
      updating.back().end > applying.back().end) {
    return -1;
  }
  const int64_t first = applying.front().updates_before;
  for (size_t i = 0; i < applying.size(); ++i) {
    if (applying[i].updates_before != first + static_cast<int64_t>(i)) {
      return -1;
    }
  }
  return first <= 1 ? first : -1;
}

// The tokens of a tile: a multiple of the chunk; the chunk itself where a tile has no room for two.
int64_t tile_length(const VariantSwitches& rule,
                    const InnerState& start,
                    const TttInputs& inputs,
                    int64_t chunk) {
  if (rule.decay == Decay::kChannel) {
    return chunk * std::max<int64_t>(1, kChannelTileTokens / chunk);
  }
  const int64_t wanted = inputs.k.size(2) / 4;
  if (runs_in_cache(start, inputs) && chunk >= std::max(wanted, kSmallestUnmasked)) {
    return chunk;
  }
  return chunk * std::max<int64_t>(1, std::clamp(wanted, kSmallestTile, kLargestTile) / chunk);
}

Tensor in_tiles(const Tensor& tokens, int64_t tiles, int64_t tile) {  // → [batch, tiles, tile, D]
  return pad_tokens(tokens, tiles * tile).view({tokens.size(0), tiles, tile, tokens.size(2)});
}

Tiling tiling_of(const UpdateRule& rule,
                 const InnerState& start,
                 const TttInputs& inputs,
                 const Ranges& ranges) {
  const VariantSwitches& switches = rule.switches;
  const int64_t chunk = ranges.applying.front().length();
  const int64_t first = ranges.applying.front().start;
  // If there are several inner steps on a chunk, each adds the same: see has_chunkwise_form().
  return {.first = first,
          .applied = ranges.applying.back().end - first,
          .updating = ranges.updating.back().end - first,
          .chunk = chunk,
          .tile = tile_length(switches, start, inputs, chunk),
          .own_updates = updates_seen(ranges),
          .factor = switches.inner_steps * step_sign(switches)};
}

// Replaces each chunk's keys and values by the low-rank factors of its orthogonalised step, which
// serve as keys and values like any others.
TileFeatures orthogonal_features(const UpdateRule& rule,
                                 const TileFeatures& features,
                                 int64_t chunk,
                                 torch::Dtype working) {
  const auto stored = features.values.scalar_type();
  const int64_t tokens = features.keys.size(1);
  std::vector<Tensor> keys;
  std::vector<Tensor> values;
  const auto add = [&](int64_t start, int64_t end, int64_t length) {
    const auto in_chunks = [&](const Tensor& x) {
      return x.slice(1, start, end).reshape({x.size(0), -1, length, x.size(2)});
    };
    const LowRankFactors factors =
        orthogonalise_factors(
            basis_for_newton_schulz(in_chunks(features.values), rule.newton_schulz, working),
            {in_chunks(features.keys)},
            rule.newton_schulz)
            .front();
    values.push_back(factors.left.flatten(1, 2).to(stored));
    keys.push_back(factors.right.flatten(1, 2).to(stored));
  };
  const int64_t whole = tokens / chunk * chunk;
  if (whole > 0) {
    add(0, whole, chunk);
  }
  if (whole < tokens) {
    add(whole, tokens, tokens - whole);
  }
  const auto joined = [](const std::vector<Tensor>& parts) {
    return parts.size() == 1 ? parts.front() : torch::cat(parts, 1);
  };
  return {joined(keys), joined(values), features.queries, features.decays};
}

TileFeatures in_dtype(const TileFeatures& features, torch::Dtype dtype) {
  const auto cast = [dtype](const Tensor& x) { return x.defined() ? x.to(dtype) : x; };
  return {cast(features.keys),
          cast(features.values),
          cast(features.queries),
          cast(features.decays),
          cast(features.rates)};
}

// Keys, values and queries of a tiling's tokens, and the decays. Under the delta rule with its
// rates, if the tiles' own pass solves for the effective values, else with those.
TileFeatures features_of(const UpdateRule& rule,
                         const InnerState& start,
                         const TttInputs& inputs,
                         const Ranges& ranges,
                         const Tiling& tiling) {
  const VariantSwitches& switches = rule.switches;
  const auto updating = [&](const Tensor& tokens) {
    return tokens.defined() ? tokens.slice(1, tiling.first, tiling.first + tiling.updating)
                            : tokens;
  };
  const Tensor source = query_range(switches, inputs, tiling.first, tiling.first + tiling.applied);
  const Tensor lr1 = updating(inputs.lr1);
  TileFeatures features{bound_keys(switches, start.weights, updating(inputs.k), lr1),
                        updating(inputs.v),
                        feature_map(switches, source, start.weights)};
  const Tensor decays = range_decays(switches, start, inputs, ranges.updating);
  features.decays = decays.defined() ? decays.squeeze(3) : decays;
  if (is_delta_rule(switches)) {
    if (runs_in_cache(start, inputs)) {
      features.rates = delta_rates(switches, features.keys, lr1).squeeze(-1);
      return in_dtype(features, start.weights.w1.scalar_type());
    }
    std::vector<TokenRange> from_first = ranges.updating;  // the features' first token
    for (TokenRange& range : from_first) {
      range.start -= tiling.first;
      range.end -= tiling.first;
    }
    features.values = concatenate_ranges(
        bound_values(
            rule, start, inputs, ranges.updating, gather_ranges(features.keys, from_first), decays),
        from_first);
  }
  return switches.normalise_gradient
             ? orthogonal_features(rule, features, tiling.chunk, start.weights.w1.scalar_type())
             : features;
}

// The chunks' decays, those that fill the last tile up being 1; undefined without decays.
Tensor decays_in_tiles(const Tensor& decays, const Tiling& t, int64_t tiles) {
  if (!decays.defined()) {
    return {};
  }
  const int64_t chunks = t.tile / t.chunk;
  return torch::constant_pad_nd(decays, {0, 0, 0, tiles * chunks - decays.size(1)}, 1)
      .view({decays.size(0), tiles, chunks, decays.size(2)});
}

// run_heads() as batched products of all tiles at once, for any dtype and device, differentiable.
Tensor run_batched(const TileFeatures& features, const Tiling& t, const Tensor& w1, Tensor& last) {
  const int64_t tiles = (t.applied + t.tile - 1) / t.tile;
  const Tensor values = in_tiles(features.values, tiles, t.tile);
  const Tensor queries = in_tiles(features.queries, tiles, t.tile);
  const TileProducts own =
      tile_products(queries,
                    in_tiles(features.keys, tiles, t.tile),
                    decays_in_tiles(features.decays, t, tiles),
                    t.chunk,
                    t.own_updates == 1 ? OwnUpdate::kSeen : OwnUpdate::kUnseen);
  const Tensor steps =
      batched_product(own.held_keys.transpose(2, 3), values, {.result = w1.scalar_type()});
  // [batch, tiles + 1, Dh, D]
  const Tensor states =
      torch::cat({w1.unsqueeze(1), decayed_sums(w1, steps, own.at_end, t.factor)}, 1);
  last = states.select(1, tiles);
  const Tensor readers = own.of_state.defined() ? queries * own.of_state : queries;
  const Tensor output = batched_product(readers, states.slice(1, 0, tiles)) +
                        batched_product(own.scores * t.factor, values);
  return output.flatten(1, 2).slice(1, 0, t.applied);
}

}  // namespace

bool runs_in_cache(const InnerState& start, const TttInputs& inputs) {
  return has_fused_kernels(inputs.k) && !requires_graph(start, inputs) && have_one_dtype(inputs) &&
         has_head_kernels(inputs.k.scalar_type(), start.weights.w1);
}

bool has_chunkwise_form(const UpdateRule& rule,
                        const InnerState& start,
                        const TttInputs& inputs,
                        const Ranges& ranges) {
  const VariantSwitches& switches = rule.switches;
  const bool has_momentum = switches.momentum && inputs.momentum.defined();
  if (switches.weight_norm != WeightNorm::kNone || has_momentum || steps_differ(switches) ||
      updates_seen(ranges) < 0) {
    return false;
  }
  const int64_t chunk = ranges.updating.front().length();
  const bool is_elastic = switches.importance != Importance::kNone;
  if (is_elastic && (chunk > kLargestElastic || !runs_in_cache(start, inputs))) {
    return false;
  }
  if (switches.normalise_gradient) {
    if (switches.decay == Decay::kChannel) {
      return false;  // tiles take orthogonal steps only with decays of the whole state
    }
    // Otherwise the states are needed anyway, to be orthogonalised.
    return runs_in_cache(start, inputs) &&
           has_low_rank_newton_schulz(
               inputs.v.slice(1, 0, chunk), start.weights.w1.size(1), rule.newton_schulz);
  }
  const bool in_cache = runs_in_cache(start, inputs);
  if (in_cache && switches.decay == Decay::kChannel) {
    return chunk <= kernels::kChannelScanTokens;
  }
  return in_cache || tile_length(switches, start, inputs, chunk) > chunk;
}

TttResult run_chunkwise(const UpdateRule& rule,
                        const InnerState& start,
                        const TttInputs& inputs,
                        const Ranges& ranges) {
  const Tiling tiling = tiling_of(rule, start, inputs, ranges);
  const TileFeatures features = features_of(rule, start, inputs, ranges, tiling);
  TttResult result{.state = start};
  if (rule.switches.importance != Importance::kNone) {
    ElasticState state{start.weights.w1, start.anchor.w1, start.importance.w1};
    result.output = elastic_outputs(rule.elastic,
                                    in_dtype(features, start.weights.w1.scalar_type()),
                                    tiling,
                                    rule.switches.importance == Importance::kSquare,
                                    state)
                        .to(inputs.v.scalar_type());
    result.state.weights.w1 = result.state.main.w1 = state.weights;
    result.state.anchor.w1 = state.anchor;
    result.state.importance.w1 = state.importance;
    return result;
  }
  Tensor& w1 = result.state.weights.w1;
  if (runs_in_cache(start, inputs)) {
    w1 = w1.clone(at::MemoryFormat::Contiguous);
    result.output = (rule.switches.decay == Decay::kChannel
                         ? channel_outputs(in_dtype(features, w1.scalar_type()), tiling, w1)
                         : run_heads(features, tiling, w1))
                        .to(inputs.v.scalar_type());
  } else {
    result.output = run_batched(features, tiling, start.weights.w1, w1);
  }
  result.state.main.w1 = w1;
  return result;
}

}  // namespace parallax
