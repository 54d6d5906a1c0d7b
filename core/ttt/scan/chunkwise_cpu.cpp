// Masked products within tiles, updates of the state between them.
#include "core/ttt/scan/chunkwise_cpu.h"

#include <algorithm>
#include <array>

#include "core/ops/matmul/blas.h"
#include "core/ops/matmul/threaded_gemm.h"
#include "core/ttt/scan/tile_decay.h"

namespace parallax {
namespace {

using kernels::Compute;

template <class A, class B, class C>
const kernels::GemmKernel<A, B, C>& gemm_of() {
  if constexpr (std::is_floating_point_v<A>) {
    return gemm_kernels<A>();
  } else {
    return kernels::gemm_of_bfloat16<B, C>();
  }
}

template <class S>
Compute<S> widened(S x) {
  if constexpr (std::is_floating_point_v<S>) {
    return x;
  } else {
    return c10::BFloat16(x.bits, c10::BFloat16::from_bits());
  }
}

template <class S>
S rounded(Compute<S> x) {
  if constexpr (std::is_floating_point_v<S>) {
    return x;
  } else {
    return {c10::BFloat16(x).x};
  }
}

// One head's rows, stored as S, and its state [inner, width], which the pass updates in place.
template <class S>
struct HeadPass {
  const S* keys = nullptr;
  const S* values = nullptr;
  const S* queries = nullptr;
  Compute<S>* state = nullptr;
  S* output = nullptr;
  const Compute<S>* decays = nullptr;  // of the updating chunks; null: 1
  const Compute<S>* rates = nullptr;   // of the updating tokens, for the delta rule
  int64_t inner = 0;                   // Dh
  int64_t width = 0;                   // D
};

// Runs all tiles of one head after another, and holds the memory for a tile.
template <class S>
class HeadRunner {
  using T = Compute<S>;

 public:
  HeadRunner(const Tiling& tiling, int64_t inner, int64_t width) : t_(tiling) {
    if (has_masks()) {
      const int64_t cols = round_up_to_tile(t_.tile);
      scores_.resize(static_cast<size_t>(t_.tile * cols));
      last_keys_.resize(static_cast<size_t>(cols * inner));
      sums_.resize(kSumsApart ? static_cast<size_t>(t_.tile * width) : 0);
    }
  }

  void run(const HeadPass<S>& p) {
    for (int64_t begin = 0; begin < t_.applied; begin += t_.tile) {
      const int64_t rows = std::min(t_.tile, t_.applied - begin);
      const int64_t keys = std::clamp<int64_t>(t_.updating - begin, 0, rows);
      const int64_t next = begin + t_.tile;
      decay_.begin(p.decays != nullptr ? p.decays + begin / t_.chunk : nullptr, t_.chunk, keys);
      const S* const values =
          p.rates != nullptr ? solve_values(p, begin, keys) : p.values + begin * p.width;
      if (t_.tile == t_.chunk && t_.own_updates == 1) {
        update(p, begin, keys, values, updating_from(p, next));
        apply_state(p, begin, rows, p.output + begin * p.width, applied_from(p, next));
        continue;
      }
      if (has_masks() && keys > 0) {
        T* const sums = sums_of(p, begin);
        apply_state(p, begin, rows, sums, applied_from(p, next));
        decay_sums(p, rows, sums);
        add_own_chunks(p, begin, rows, keys, values, sums);
      } else {
        apply_state(p, begin, rows, p.output + begin * p.width, applied_from(p, next));
      }
      update(p, begin, keys, decayed_values(p, keys, values), updating_from(p, next));
    }
  }

 private:
  // Tokens per product with the state: few enough for the next ones, which are prefetched during
  // it, to fit in the nearest cache; not fewer, as each product packs the state.
  static constexpr int64_t kBlock = sizeof(S) == 2 ? 128 : 64;
  using NextMemory = std::array<kernels::PrefetchRange, 2>;

  // Whether sums are kept apart from the output, so that products with the state and within the
  // tile are rounded once, together.
  static constexpr bool kSumsApart = !std::is_same_v<S, T>;

  bool has_masks() const { return t_.tile > t_.chunk; }

  T* sums_of(const HeadPass<S>& p, int64_t begin) {
    if constexpr (kSumsApart) {
      return sums_.data();
    } else {
      return p.output + begin * p.width;
    }
  }

  // The block of rows [tokens, width] that starts at `begin`.
  template <class E>
  kernels::PrefetchRange block_of(const E* rows,
                                  int64_t begin,
                                  int64_t tokens,
                                  int64_t width) const {
    const int64_t count = std::clamp<int64_t>(tokens - begin, 0, std::min(kBlock, t_.tile));
    return {rows + begin * width, count * width * static_cast<int64_t>(sizeof(E))};
  }

  NextMemory updating_from(const HeadPass<S>& p, int64_t begin) const {
    return {block_of(p.keys, begin, t_.updating, p.inner),
            block_of(p.values, begin, t_.updating, p.width)};
  }

  NextMemory applied_from(const HeadPass<S>& p, int64_t begin) const {
    return {block_of(p.queries, begin, t_.applied, p.inner),
            block_of(p.output, begin, t_.applied, p.width)};
  }

  // c = scale · a b + x_scale · x: by our own GEMM kernels if they take the number of columns, else
  // by LibTorch's BLAS. Where elements are not rounded, x must be null or c.
  template <class A, class B, class C>
  void multiply_in_head(T scale,
                        const Operand<A>& a,
                        const Operand<B>& b,
                        const ProductShape& shape,
                        const T* x,
                        C* c,
                        const NextMemory& next = {},
                        T x_scale = 1) {
    if constexpr (std::is_floating_point_v<A>) {
      if (!is_tile_multiple(shape.cols)) {
        multiply<T>(scale, a, b, shape, x != nullptr ? x_scale : T{0}, c, shape.cols);
        return;
      }
    }
    const auto& kernel = gemm_of<A, B, C>();
    const kernels::Gemm<A, B, C> product{.rows = shape.rows,
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
                                         .x = x,
                                         .x_scale = x_scale,
                                         .xy_stride = shape.cols,
                                         .next = {next[0], next[1]}};
    scratch_.resize(std::max(scratch_.size(), static_cast<size_t>(kernel.scratch(product))));
    kernel.product(product, 0, shape.cols / kernel.panel_width, scratch_.data());
  }

  // `values`: the tile's, each as the state after the tile is to hold it.
  void update(const HeadPass<S>& p,
              int64_t begin,
              int64_t keys,
              const S* values,
              const NextMemory& after) {
    for (int64_t done = 0; done < keys; done += kBlock) {
      const int64_t from = begin + done;
      multiply_in_head<S, S, T>(static_cast<T>(t_.factor),
                                {p.keys + from * p.inner, p.inner, true},
                                {values + done * p.width, p.width},
                                {p.inner, std::min(kBlock, keys - done), p.width},
                                p.state,
                                p.state,
                                done + kBlock < keys ? updating_from(p, from + kBlock) : after,
                                done == 0 ? decay_.of_state() : T{1});
    }
  }

  // The tile's values times what its later decays leave of them.
  const S* decayed_values(const HeadPass<S>& p, int64_t keys, const S* values) {
    if (!decay_.any() || !has_masks()) {
      return values;
    }
    const T* const left = decay_.of_tokens();
    decayed_.resize(static_cast<size_t>(t_.tile * p.width));
    for (int64_t i = 0; i < keys * p.width; ++i) {
      decayed_[static_cast<size_t>(i)] = rounded<S>(widened(values[i]) * left[i / p.width]);
    }
    return decayed_.data();
  }

  // The rows' products with the state, times what the decays that each query sees leave of it.
  void decay_sums(const HeadPass<S>& p, int64_t rows, T* sums) {
    for (int64_t i = 0; decay_.any() && i < rows; ++i) {
      const T left = decay_.of_state(i / t_.chunk + t_.own_updates);
      for (int64_t j = 0; j < p.width; ++j) {
        sums[i * p.width + j] *= left;
      }
    }
  }

  // The delta rule's effective values of the tile (see delta_values.h): û = η (v − k α S), less
  // what the tile's earlier chunks change of it, by a triangular system.
  const S* solve_values(const HeadPass<S>& p, int64_t begin, int64_t keys) {
    if constexpr (!std::is_same_v<S, T>) {
      return nullptr;  // see has_head_kernels()
    } else {
      solved_.resize(static_cast<size_t>(t_.tile * p.width));
      T* const solved = solved_.data();
      const T* const tile_keys = p.keys + begin * p.inner;
      const T* const rates = p.rates + begin;
      for (int64_t done = 0; done < keys; done += kBlock) {
        multiply_in_head<S, T, T>(1,
                                  {tile_keys + done * p.inner, p.inner},
                                  {p.state, p.width},
                                  {std::min(kBlock, keys - done), p.inner, p.width},
                                  nullptr,
                                  solved + done * p.width);
      }
      for (int64_t i = 0; i < keys; ++i) {
        const T left = decay_.of_state(i / t_.chunk + 1);
        const T* const value = p.values + (begin + i) * p.width;
        for (int64_t j = 0; j < p.width; ++j) {
          T& residual = solved[i * p.width + j];
          residual = rates[i] * (value[j] - left * residual);
        }
      }
      if (keys > t_.chunk) {
        const int64_t cols = round_up_to_tile(keys);
        T* const system = scores_.data();
        multiply_in_head<S, S, S>(1,
                                  {tile_keys, p.inner},
                                  {keys_of_tile(p, begin, keys), p.inner, true},
                                  {keys, p.inner, cols},
                                  nullptr,
                                  system);
        decay_.rewind();
        for (int64_t i = 0; i < keys; ++i) {
          T* const row = system + i * cols;
          const int64_t before = i / t_.chunk * t_.chunk;
          const T* const left = decay_.any() ? decay_.of_tokens(i / t_.chunk + 1) : nullptr;
          for (int64_t j = 0; j < before; ++j) {
            row[j] *= left != nullptr ? rates[i] * left[j] : rates[i];
          }
          std::fill(row + before, row + i, T{0});
        }
        solve_unit_lower(Operand<T>{system, cols}, keys, solved, p.width, p.width);
      }
      return solved;
    }
  }

  template <class C>
  void apply_state(const HeadPass<S>& p,
                   int64_t begin,
                   int64_t rows,
                   C* to,
                   const NextMemory& after) {
    for (int64_t done = 0; done < rows; done += kBlock) {
      const int64_t from = begin + done;
      multiply_in_head<S, T, C>(1,
                                {p.queries + from * p.inner, p.inner},
                                {p.state, p.width},
                                {std::min(kBlock, rows - done), p.inner, p.width},
                                nullptr,
                                to + done * p.width,
                                done + kBlock < rows ? applied_from(p, from + kBlock) : after);
    }
  }

  // The tile's keys, followed by those of the next tile or by zeros up to a multiple of the GEMM
  // tile.
  const S* keys_of_tile(const HeadPass<S>& p, int64_t begin, int64_t keys) {
    const S* const from = p.keys + begin * p.inner;
    if (begin + round_up_to_tile(keys) <= t_.updating) {
      return from;
    }
    std::copy_n(from, keys * p.inner, last_keys_.data());
    std::fill_n(last_keys_.data() + keys * p.inner, (round_up_to_tile(keys) - keys) * p.inner, S{});
    return last_keys_.data();
  }

  // Adds to the sums the scores of the rows' queries with the tile's own keys, those that each
  // query has seen, times the values, and writes the result to the output.
  void add_own_chunks(const HeadPass<S>& p,
                      int64_t begin,
                      int64_t rows,
                      int64_t keys,
                      const S* values,
                      const T* sums) {
    const int64_t cols = round_up_to_tile(keys);
    S* const scores = scores_.data();
    multiply_in_head<S, S, S>(static_cast<T>(t_.factor),
                              {p.queries + begin * p.inner, p.inner},
                              {keys_of_tile(p, begin, keys), p.inner, true},
                              {rows, p.inner, cols},
                              nullptr,
                              scores);
    decay_.rewind();
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t seen = i / t_.chunk + t_.own_updates;
      const int64_t visible = std::min(seen * t_.chunk, keys);
      if (decay_.any()) {
        const T* const left = decay_.of_tokens(seen);
        for (int64_t j = 0; j < visible; ++j) {
          scores[i * cols + j] = rounded<S>(widened(scores[i * cols + j]) * left[j]);
        }
      }
      std::fill(scores + i * cols + visible, scores + (i + 1) * cols, S{});
    }
    multiply_in_head<S, S, S>(1,
                              {scores, cols},
                              {values, p.width},
                              {rows, keys, p.width},
                              sums,
                              p.output + begin * p.width);
  }

  const Tiling& t_;
  AlignedVector<S> scores_;     // [tile, tile's columns]
  AlignedVector<S> last_keys_;  // [tile's columns, inner]
  AlignedVector<T> sums_;       // [tile, width], where the output is rounded
  AlignedVector<S> decayed_;    // [tile, width]
  AlignedVector<T> solved_;     // [tile, width]: the delta rule's effective values
  TileDecay<T> decay_;
  AlignedVector<T> scratch_;  // the GEMM kernels'
};

template <class S>
void run_heads_of(const TileFeatures& features,
                  const Tiling& tiling,
                  const Tensor& state,
                  const Tensor& output) {
  const auto& [keys, values, queries, decays, rates] = features;
  const auto gate_of = [](const Tensor& x, int64_t head) {
    return x.defined() ? fused::data<Compute<S>>(x) + head * x.size(1) : nullptr;
  };
  at::parallel_for(0, queries.size(0), 1, [&](int64_t begin, int64_t end) {
    HeadRunner<S> runner(tiling, keys.size(2), values.size(2));
    for (int64_t head = begin; head < end; ++head) {
      const auto of_head = [head](const Tensor& x) {
        return fused::data<S>(x) + head * x.size(1) * x.size(2);
      };
      runner.run({.keys = of_head(keys),
                  .values = of_head(values),
                  .queries = of_head(queries),
                  .state = fused::data<Compute<S>>(state) + head * state.size(1) * state.size(2),
                  .output = of_head(output),
                  .decays = gate_of(decays, head),
                  .rates = gate_of(rates, head),
                  .inner = keys.size(2),
                  .width = values.size(2)});
    }
  });
}

}  // namespace

bool has_head_kernels(torch::Dtype features, const Tensor& state) {
  if (!has_fused_kernels(state)) {
    return false;
  }
  if (features == torch::kBFloat16) {
    return state.scalar_type() == torch::kFloat32 && has_bfloat16_gemm() &&
           is_tile_multiple(state.size(2));
  }
  return state.scalar_type() == features;
}

Tensor run_heads(const TileFeatures& features, const Tiling& tiling, const Tensor& state) {
  const auto gate = [&](const Tensor& x) {
    return x.defined() ? x.to(state.scalar_type()).contiguous() : x;
  };
  const TileFeatures dense{features.keys.contiguous(),
                           features.values.contiguous(),
                           features.queries.contiguous(),
                           gate(features.decays),
                           gate(features.rates)};
  const Tensor output = torch::empty({dense.queries.size(0), tiling.applied, dense.values.size(2)},
                                     dense.values.options());
  fused::with_storage(dense.values, [&](auto storage) {
    run_heads_of<decltype(storage)>(dense, tiling, state, output);
  });
  return output;
}

}  // namespace parallax
