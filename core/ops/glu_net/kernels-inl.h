// The only source of the gated linear unit's kernels. Included by one source file per instruction
// set, inside a namespace of its own that defines how wide a register is (kRegisterBytes), after
// kernels.h.
#include "core/ops/common/micro_gemm-inl.h"

inline constexpr std::int64_t kBlockTokens = 128;  // nine blocks of 32 columns fit the L2 cache
inline constexpr std::int64_t kBlockBuffers = 9;
inline constexpr std::int64_t kSquareBuffers = 6;
inline constexpr std::int64_t kLineBuffers = 5;

// How many elements of scratch one pair of head and image needs.
template <class C>
std::int64_t glu_scratch(std::int64_t width) {
  return kBlockBuffers * kBlockTokens * width + kSquareBuffers * width * width +
         kLineBuffers * width;
}

// Hands out scratch memory piece by piece.
template <class C>
struct Buffers {
  C* next;
  C* take(std::int64_t count) {
    C* buffer = next;
    next += count;
    return buffer;
  }
};

// The elements themselves if they are stored in the type of arithmetic, else a converted copy.
template <class S, class C>
const C* as_elements(const S* source, C* copy, std::int64_t count) {
  if constexpr (sizeof(S) == sizeof(C)) {
    return source;
  } else {
    for (std::int64_t i = 0; i < count; ++i) {
      copy[i] = load(source[i]);
    }
    return copy;
  }
}

template <class C>
void transpose(const C* from, C* to, std::int64_t width) {
  for (std::int64_t i = 0; i < width; ++i) {
    for (std::int64_t j = 0; j < width; ++j) {
      to[j * width + i] = from[i * width + j];
    }
  }
}

template <class C>
void fill(C* values, std::int64_t count, C value) {
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] = value;
  }
}

// One pair of head and image: its weights, steps and offsets.
template <class S>
struct GluTask {
  using C = Compute<S>;  // the type of arithmetic
  const GluNet<S>& net;
  std::int64_t pair;  // index of head and image
  std::int64_t width = net.width;
  std::int64_t square = width * width;
  const C* w1 = net.w1 + pair / net.images * square;
  const C* w2 = net.w2 + pair / net.images * square;
  C* g1 = net.g1 + pair * square;
  C* g2 = net.g2 + pair * square;
  std::int64_t tokens_offset = pair * net.tokens * width;
  bool uses_linear = !net.gated || net.trains_gate;  // k W1 takes part in the steps

  // The offset of token t in [images, tokens, out_stride].
  std::int64_t out_offset(std::int64_t t) const {
    return (pair % net.images * net.tokens + t) * net.out_stride + pair / net.images * width;
  }
};

// Calls visit(first token, number of tokens) for blocks that do not cross a multiple of `step` (0:
// no such limit).
template <class F>
void for_blocks(std::int64_t tokens, std::int64_t step, const F& visit) {
  for (std::int64_t t = 0; t < tokens;) {
    std::int64_t end = step > 0 ? (t / step + 1) * step : tokens;
    end = end < tokens ? end : tokens;
    const std::int64_t rows = end - t < kBlockTokens ? end - t : kBlockTokens;
    visit(t, rows);
    t += rows;
  }
}

// y = x w, or y += x w.
template <class C>
void multiply_rows(const C* x, const C* w, std::int64_t rows, std::int64_t width, C* y, bool add) {
  product(Strided<C>{x, width, 1}, w, {rows, width, width}, y, add);
}

// y += xᵀ z.
template <class C>
void add_outer(const C* x, const C* z, std::int64_t rows, std::int64_t width, C* y) {
  product(Strided<C>{x, 1, width}, z, {width, rows, width}, y, true);
}

// The factors of g1 = kᵀ dm and g2 = kᵀ da, from a = k W2 and m = k W1.
template <class C>
void glu_factors(bool gated, const C* a, const C* m, const C* v, C* dm, C* da, std::int64_t count) {
  if (!gated) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) {
      dm[i] = v[i] * m[i];
    }
    return;
  }
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const C sigma = sigmoid(a[i]);
    dm[i] = v[i] * a[i] * sigma;
    da[i] = v[i] * m[i] * silu_slope(a[i], sigma);
  }
}

// scales = 1 / (norm + 1) for each column where `normalised`, else 1; also the norms.
template <class C>
void column_scales(bool normalised, const C* g, std::int64_t width, C* scales, C* norms) {
  fill(norms, width, C{0});
  for (std::int64_t i = 0; i < width; ++i) {
#pragma omp simd
    for (std::int64_t j = 0; j < width; ++j) {
      norms[j] += g[i * width + j] * g[i * width + j];
    }
  }
  for (std::int64_t j = 0; j < width; ++j) {
    norms[j] = square_root(norms[j]);
    scales[j] = normalised ? 1 / (norms[j] + 1) : C{1};
  }
}

// w + sign · g with g's columns scaled; `line` is scratch of 2 · width elements.
template <class S, class C>
void trained_weights(const GluNet<S>& net, const C* w, const C* g, C* trained, C* line) {
  const std::int64_t width = net.width;
  column_scales(net.normalised, g, width, line, line + width);
  for (std::int64_t i = 0; i < width; ++i) {
#pragma omp simd
    for (std::int64_t j = 0; j < width; ++j) {
      trained[i * width + j] = w[i * width + j] + net.sign * line[j] * g[i * width + j];
    }
  }
}

// A block of tokens and the values that training computes from it.
template <class S>
class TrainedBlock {
 public:
  using C = Compute<S>;  // the type of arithmetic

  TrainedBlock(const GluTask<S>& task, Buffers<C>& buffers) : task_(task) {
    const std::int64_t block = kBlockTokens * task.width;
    C** const buffers_of_block[] = {&k_copy_, &v_copy_, &a, &m, &dm, &da};
    for (C** buffer : buffers_of_block) {
      *buffer = buffers.take(block);
    }
  }

  void read(std::int64_t first, std::int64_t rows) {
    const GluNet<S>& net = task_.net;
    const std::int64_t offset = task_.tokens_offset + first * task_.width;
    const std::int64_t count = rows * task_.width;
    k = as_elements(net.k + offset, k_copy_, count);
    v = as_elements(net.v + offset, v_copy_, count);
    if (net.gated) {
      multiply_rows(k, task_.w2, rows, task_.width, a, false);
    }
    if (task_.uses_linear) {
      multiply_rows(k, task_.w1, rows, task_.width, m, false);
    }
    glu_factors(net.gated, a, task_.uses_linear ? m : v, v, dm, da, count);
  }

  const C* k = nullptr;
  const C* v = nullptr;
  C* a = nullptr;   // k W2 where gated
  C* m = nullptr;   // k W1 where the steps need it
  C* dm = nullptr;  // g1 += kᵀ dm
  C* da = nullptr;  // g2 += kᵀ da, where the gate is trained

 private:
  const GluTask<S>& task_;
  C* k_copy_ = nullptr;
  C* v_copy_ = nullptr;
};

// Computes the steps g1 and g2 from all tokens.
template <class S>
void glu_train(const GluTask<S>& task, Buffers<Compute<S>> buffers) {
  using C = Compute<S>;
  const GluNet<S>& net = task.net;
  TrainedBlock<S> block(task, buffers);
  fill(task.g1, task.square, C{0});
  fill(task.g2, task.square, C{0});
  for_blocks(net.tokens, net.step_tokens, [&](std::int64_t t, std::int64_t rows) {
    block.read(t, rows);
    add_outer(block.k, block.dm, rows, task.width, task.g1);
    if (net.trains_gate) {
      add_outer(block.k, block.da, rows, task.width, task.g2);
    }
  });
  for (std::int64_t i = 0; i < task.square; ++i) {
    task.g1[i] *= net.scale;
    task.g2[i] *= net.scale;
  }
}

// Applies the trained net to the queries.
template <class S>
void glu_apply(const GluTask<S>& task, Buffers<Compute<S>> buffers) {
  using C = Compute<S>;
  const GluNet<S>& net = task.net;
  const std::int64_t block = kBlockTokens * task.width;
  C* q_copy = buffers.take(block);
  C* linear = buffers.take(block);
  C* gate = buffers.take(block);
  C* w1 = buffers.take(task.square);
  C* w2 = buffers.take(task.square);
  C* line = buffers.take(2 * task.width);
  trained_weights(net, task.w1, task.g1, w1, line);
  trained_weights(net, task.w2, task.g2, w2, line);
  for_blocks(net.tokens, 0, [&](std::int64_t t, std::int64_t rows) {
    const C* q =
        as_elements(net.q + task.tokens_offset + t * task.width, q_copy, rows * task.width);
    multiply_rows(q, w1, rows, task.width, linear, false);
    if (net.gated) {
      multiply_rows(q, w2, rows, task.width, gate, false);
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      S* out = net.out + task.out_offset(t + i);
      const C* x = linear + i * task.width;
      const C* y = gate + i * task.width;
      if (!net.gated) {
        for (std::int64_t j = 0; j < task.width; ++j) {
          store(x[j], out[j]);
        }
        continue;
      }
#pragma omp simd
      for (std::int64_t j = 0; j < task.width; ++j) {
        store(x[j] * silu(y[j]), out[j]);
      }
    }
  });
}

template <class S>
void glu_forward(const GluNet<S>& net, std::int64_t begin, std::int64_t end, Compute<S>* scratch) {
  for (std::int64_t pair = begin; pair < end; ++pair) {
    const GluTask<S> task{net, pair};
    glu_train(task, {scratch});
    glu_apply(task, {scratch});
  }
}

#include "core/ops/glu_net/backward-inl.h"

constexpr GluNetTables glu_net_tables() {
  return {{glu_scratch<float>, glu_forward<float>, glu_backward<float>},
          {glu_scratch<double>, glu_forward<double>, glu_backward<double>},
          {glu_scratch<float>, glu_forward<BFloat16Bits>, glu_backward<BFloat16Bits>}};
}
