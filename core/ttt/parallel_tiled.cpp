// Masked products within tiles, a prefix sum between them.
#include "core/ttt/parallel_tiled.h"

#include <algorithm>

#include "core/ttt/batched_product.h"
#include "core/ttt/blas.h"
#include "core/ttt/cuda/operators.h"
#include "core/ttt/dispatch.h"
#include "core/ttt/newton_schulz_product.h"
#include "core/ttt/panel_product.h"

namespace parallax {
namespace {

// Tokens of a tile, as near a quarter of a head's width as chunks allow: then the masked products
// within a tile cost a quarter of those with the states, and the latter are still large enough.
constexpr int64_t kSmallestTile = 32;  // fills panels
constexpr int64_t kLargestTile = 256;
// Of a chunk that is a tile by itself, with its state at hand.
constexpr int64_t kSmallestUnmasked = 16;

// How many updates chunk i's queries have seen beyond i: 0 (apply, then update) or 1; −1 where the
// ranges are not one chunk's update and application after the other.
int64_t updates_seen(const Ranges& ranges) {
  const auto& updating = ranges.updating;
  const auto& applying = ranges.applying;
  if (updating.empty() || applying.empty() || !are_uniform(updating) || !are_uniform(applying) ||
      updating.front().start != applying.front().start ||
      updating.front().length() != applying.front().length() ||
      updating.back().end > applying.back().end) {
    return -1;
  }
  const int64_t seen = applying.front().updates_before;
  for (size_t i = 0; i < applying.size(); ++i) {
    if (applying[i].updates_before != seen + static_cast<int64_t>(i)) {
      return -1;
    }
  }
  return seen <= 1 ? seen : -1;
}

// A multiple of the chunk; the chunk itself where a tile has no room for two.
int64_t tile_length(const InnerState& start, const TttInputs& inputs, int64_t chunk) {
  const int64_t wanted = inputs.k.size(2) / 4;
  if (runs_in_cache(start, inputs) && chunk >= std::max(wanted, kSmallestUnmasked)) {
    return chunk;
  }
  return chunk * std::max<int64_t>(1, std::clamp(wanted, kSmallestTile, kLargestTile) / chunk);
}

Tensor in_tiles(const Tensor& tokens, int64_t tiles, int64_t tile) {  // → [batch, tiles, tile, D]
  return pad_tokens(tokens, tiles * tile).view({tokens.size(0), tiles, tile, tokens.size(2)});
}

// What both ways of running tiles need to know.
struct Tiling {
  int64_t first = 0;     // token
  int64_t applied = 0;   // tokens from there
  int64_t updating = 0;  // tokens from there that update
  int64_t chunk = 0;
  int64_t tile = 0;
  int64_t seen = 0;   // see updates_seen
  double factor = 1;  // of each chunk's step
};

Tiling tiling_of(const UpdateRule& rule,
                 const InnerState& start,
                 const TttInputs& inputs,
                 const Ranges& ranges) {
  const VariantSwitches& switches = rule.switches;
  const int64_t chunk = ranges.applying.front().length();
  const int64_t first = ranges.applying.front().start;
  // Each inner step of a chunk adds the same: φ and the loss do not depend on W1.
  const double sign = switches.direction == Direction::kDescent ? 1.0 : -1.0;
  return {.first = first,
          .applied = ranges.applying.back().end - first,
          .updating = ranges.updating.back().end - first,
          .chunk = chunk,
          .tile = tile_length(start, inputs, chunk),
          .seen = updates_seen(ranges),
          .factor = switches.inner_steps * sign};
}

// Φ of keys and queries, and values; all [batch, tokens, …].
struct Features {
  Tensor keys;
  Tensor values;
  Tensor queries;
};

// Chunk by chunk, what makes the orthogonalised step: its factors are keys and values like others.
Features orthogonal_features(const UpdateRule& rule, const Features& features, int64_t chunk) {
  const int64_t tokens = features.keys.size(1);
  std::vector<Tensor> keys;
  std::vector<Tensor> values;
  const auto add = [&](int64_t start, int64_t end, int64_t length) {
    const auto in_chunks = [&](const Tensor& x) {
      return x.slice(1, start, end).reshape({x.size(0), -1, length, x.size(2)});
    };
    const auto [left, rights] = orthogonalise_factors(in_chunks(features.values),
                                                      {in_chunks(features.keys)},
                                                      rule.newton_schulz,
                                                      features.values.scalar_type());
    values.push_back(left.flatten(1, 2));
    keys.push_back(rights.front().flatten(1, 2));
  };
  const int64_t whole = tokens / chunk * chunk;
  if (whole > 0) {
    add(0, whole, chunk);
  }
  if (whole < tokens) {
    add(whole, tokens, tokens - whole);
  }
  return {torch::cat(keys, 1), torch::cat(values, 1), features.queries};
}

Features features_of(const UpdateRule& rule,
                     const InnerState& start,
                     const TttInputs& inputs,
                     const Tiling& tiling) {
  const auto updating = [&](const Tensor& tokens) {
    return tokens.slice(1, tiling.first, tiling.first + tiling.updating);
  };
  const Tensor rate = rule.switches.per_token_rate ? updating(inputs.lr1) : Tensor();
  const Tensor source =
      query_range(rule.switches, inputs, tiling.first, tiling.first + tiling.applied);
  const Features features{feature_map(rule.switches, updating(inputs.k), start.weights, rate),
                          updating(inputs.v),
                          feature_map(rule.switches, source, start.weights)};
  return rule.switches.normalise_gradient ? orthogonal_features(rule, features, tiling.chunk)
                                          : features;
}

// One head's rows and its state [inner, width], which the pass leaves as it is at the end.
template <class T>
struct HeadPass {
  const T* keys = nullptr;
  const T* values = nullptr;
  const T* queries = nullptr;
  T* state = nullptr;
  T* output = nullptr;
  int64_t inner = 0;  // Dh
  int64_t width = 0;  // D
};

template <class T>
struct Workspace {
  std::vector<T> scores;  // [tile, tile] where tiles hold several chunks
  std::vector<T> packed;  // the panel kernels' scratch
};

// c (+)= scale · a b: by our own panels where the columns fill them, else by LibTorch's BLAS.
// `scratch` grows to what that needs.
template <class T>
void multiply_in_head(T scale,
                      const Operand<T>& a,
                      const Operand<T>& b,
                      const ProductShape& shape,
                      bool add,
                      T* c,
                      std::vector<T>& scratch) {
  if (shape.cols % kernels::kPanelMultiple != 0) {
    multiply<T>(scale, a, b, shape, add ? T{1} : T{0}, c, shape.cols);
    return;
  }
  const kernels::PanelKernels<T>& kernel = panel_kernels<T>();
  const kernels::PanelProduct<T> product{.rows = shape.rows,
                                         .inner = shape.inner,
                                         .cols = shape.cols,
                                         .a = a.data,
                                         .a_row = a.transposed ? 1 : a.stride,
                                         .a_inner = a.transposed ? a.stride : 1,
                                         .b = b.data,
                                         .b_stride = b.stride,
                                         .b_transposed = b.transposed,
                                         .c = c,
                                         .c_stride = shape.cols,
                                         .scale = scale,
                                         .add = add};
  scratch.resize(std::max(scratch.size(), static_cast<size_t>(kernel.scratch(product))));
  kernel.product(product, 0, shape.cols / kernel.panel_width, scratch.data());
}

// The rows' queries against the tile's own keys, those that each has seen, times the values; added
// to the output.
template <class T>
void add_own_chunks(const HeadPass<T>& p,
                    const Tiling& t,
                    int64_t begin,
                    int64_t rows,
                    int64_t keys,
                    Workspace<T>& work) {
  T* const scores = work.scores.data();
  multiply_in_head<T>(static_cast<T>(t.factor),
                      {p.queries + begin * p.inner, p.inner},
                      {p.keys + begin * p.inner, p.inner, true},
                      {rows, p.inner, keys},
                      false,
                      scores,
                      work.packed);
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t seen = std::min((i / t.chunk + t.seen) * t.chunk, keys);
    std::fill(scores + i * keys + seen, scores + (i + 1) * keys, T{0});
  }
  multiply_in_head<T>(1,
                      {scores, keys},
                      {p.values + begin * p.width, p.width},
                      {rows, keys, p.width},
                      true,
                      p.output + begin * p.width,
                      work.packed);
}

template <class T>
void run_head(const HeadPass<T>& p, const Tiling& t, Workspace<T>& work) {
  for (int64_t begin = 0; begin < t.applied; begin += t.tile) {
    const int64_t rows = std::min(t.tile, t.applied - begin);
    const int64_t keys = std::clamp<int64_t>(t.updating - begin, 0, rows);
    const auto update = [&] {
      if (keys > 0) {
        multiply_in_head<T>(static_cast<T>(t.factor),
                            {p.keys + begin * p.inner, p.inner, true},
                            {p.values + begin * p.width, p.width},
                            {p.inner, keys, p.width},
                            true,
                            p.state,
                            work.packed);
      }
    };
    const bool whole_chunk_seen = t.tile == t.chunk && t.seen == 1;
    if (whole_chunk_seen) {
      update();
    }
    multiply_in_head<T>(1,
                        {p.queries + begin * p.inner, p.inner},
                        {p.state, p.width},
                        {rows, p.inner, p.width},
                        false,
                        p.output + begin * p.width,
                        work.packed);
    if (!whole_chunk_seen) {
      if (t.tile > t.chunk && keys > 0) {
        add_own_chunks(p, t, begin, rows, keys, work);
      }
      update();
    }
  }
}

template <class T>
Tensor run_heads(const Features& features, const Tiling& tiling, const Tensor& state) {
  const Tensor keys = features.keys.contiguous();
  const Tensor values = features.values.contiguous();
  const Tensor queries = features.queries.contiguous();
  const Tensor output =
      torch::empty({queries.size(0), tiling.applied, values.size(2)}, values.options());
  at::parallel_for(0, queries.size(0), 1, [&](int64_t begin, int64_t end) {
    Workspace<T> work;
    if (tiling.tile > tiling.chunk) {
      work.scores.resize(static_cast<size_t>(tiling.tile * tiling.tile));
    }
    for (int64_t head = begin; head < end; ++head) {
      const auto of_head = [head](const Tensor& x) {
        return x.data_ptr<T>() + head * x.size(1) * x.size(2);
      };
      const HeadPass<T> pass{.keys = of_head(keys),
                             .values = of_head(values),
                             .queries = of_head(queries),
                             .state = of_head(state),
                             .output = of_head(output),
                             .inner = keys.size(2),
                             .width = values.size(2)};
      run_head(pass, tiling, work);
    }
  });
  return output;
}

// The same as batched products of all tiles at once, for any dtype and device, differentiable.
Tensor run_batched(const Features& features, const Tiling& t, const Tensor& w1, Tensor& last) {
  const int64_t tiles = (t.applied + t.tile - 1) / t.tile;
  const Tensor keys = in_tiles(features.keys, tiles, t.tile);
  const Tensor values = in_tiles(features.values, tiles, t.tile);
  const Tensor queries = in_tiles(features.queries, tiles, t.tile);
  const Tensor start = w1.unsqueeze(1);
  const Tensor steps = batched_product(keys.transpose(2, 3), values, w1.scalar_type());
  // [batch, tiles + 1, Dh, D]
  const Tensor states = torch::cat({start, start + t.factor * steps.cumsum(1)}, 1);
  last = states.select(1, tiles);

  const auto dtype = queries.scalar_type();
  const Tensor index =
      torch::arange(t.tile, queries.options().dtype(torch::kInt64)).div(t.chunk, "floor");
  const Tensor seen = index.unsqueeze(0) < index.unsqueeze(1) + t.seen;  // [query, key]
  const Tensor scores =
      batched_product(queries, keys.transpose(2, 3)) * (seen.to(dtype) * t.factor);
  const Tensor output = batched_product(queries, states.slice(1, 0, tiles).to(dtype)) +
                        batched_product(scores, values);
  return output.flatten(1, 2).slice(1, 0, t.applied);
}

// All chunks by one kernel: each read right after its update.
bool runs_on_gpu(const Features& features, const Tiling& tiling, const Tensor& w1) {
  return cuda::has_cuda_kernels(features.values) && w1.scalar_type() == torch::kFloat32 &&
         features.keys.scalar_type() == features.values.scalar_type() &&
         features.queries.scalar_type() == features.values.scalar_type() && tiling.seen == 1 &&
         tiling.applied == tiling.updating &&
         !fused::records_graph({features.queries, features.keys, features.values, w1});
}

}  // namespace

bool records_graph(const InnerState& start, const TttInputs& inputs) {
  return fused::records_graph({start.weights.w0,
                               start.weights.w1,
                               start.weights.w2,
                               inputs.q,
                               inputs.k,
                               inputs.v,
                               inputs.lr1});
}

bool runs_in_cache(const InnerState& start, const TttInputs& inputs) {
  return has_fused_kernels(inputs.k) && inputs.k.scalar_type() != torch::kBFloat16 &&
         start.weights.w1.scalar_type() == inputs.k.scalar_type() && !records_graph(start, inputs);
}

bool has_tiled_form(const UpdateRule& rule,
                    const InnerState& start,
                    const TttInputs& inputs,
                    const Ranges& ranges) {
  const VariantSwitches& switches = rule.switches;
  const bool has_momentum = switches.momentum && inputs.momentum.defined();
  if (switches.weight_norm != WeightNorm::kNone || has_momentum || updates_seen(ranges) < 0) {
    return false;
  }
  const int64_t chunk = ranges.updating.front().length();
  if (switches.normalise_gradient) {
    // Else states are needed anyway, to be orthogonalised.
    return runs_in_cache(start, inputs) &&
           has_product_newton_schulz(
               inputs.v.slice(1, 0, chunk), start.weights.w1.size(1), rule.newton_schulz);
  }
  return tile_length(start, inputs, chunk) > chunk || runs_in_cache(start, inputs);
}

TttResult run_tiled(const UpdateRule& rule,
                    const InnerState& start,
                    const TttInputs& inputs,
                    const Ranges& ranges) {
  const Tiling tiling = tiling_of(rule, start, inputs, ranges);
  const Features features = features_of(rule, start, inputs, tiling);
  TttResult result{.state = start};
  Tensor& w1 = result.state.weights.w1;
  if (runs_on_gpu(features, tiling, w1)) {
    const auto [output, end] = cuda::linear_attention(
        features.queries, features.keys, features.values, w1, tiling.chunk, tiling.factor);
    result.output = output;
    w1 = end;
  } else if (runs_in_cache(start, inputs)) {
    w1 = w1.clone(at::MemoryFormat::Contiguous);
    result.output = w1.scalar_type() == torch::kFloat64 ? run_heads<double>(features, tiling, w1)
                                                        : run_heads<float>(features, tiling, w1);
  } else {
    result.output = run_batched(features, tiling, start.weights.w1, w1);
  }
  result.state.main.w1 = w1;
  return result;
}

}  // namespace parallax
