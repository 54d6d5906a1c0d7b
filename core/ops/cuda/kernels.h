// Bodies of the CUDA kernels, and the grids that they are launched with.
#pragma once

#include "core/ops/cuda/kernel_args.h"
#include "core/ops/cuda/thread_block.h"

namespace parallax::cuda {

using kernels::BFloat16Bits;
using kernels::Compute;
using kernels::InnerGradients;
using kernels::SwiGlu;

#include "core/ops/common/math-inl.h"

#include "core/ops/common/inner_net-inl.h"

#include "core/ops/cuda/float16-inl.h"

inline constexpr int kThreads = 256;  // per block

// `count` neighbouring elements, moved together.
template <class S, int count>
struct alignas(sizeof(S) * count) Vector {
  S elements[count];
};

template <int count, class S>
PARALLAX_DEVICE inline Vector<S, count> load_vector(const S* from) {
  return *reinterpret_cast<const Vector<S, count>*>(from);
}

template <int count, class S>
PARALLAX_DEVICE inline void store_vector(const Vector<S, count>& vector, S* to) {
  *reinterpret_cast<Vector<S, count>*>(to) = vector;
}

// Adds up the values of threads whose indices are a multiple of `columns` apart; the sums are left
// in the first `columns` elements of `partial`.
template <class Block, class C>
PARALLAX_DEVICE void sum_of_threads(Block& block, C* partial, int columns = 1) {  // [threads]
  for (int half = block.threads() / 2; half >= columns; half /= 2) {
    block.each([&](int thread) {
      if (thread < half) {
        partial[thread] += partial[thread + half];
      }
    });
  }
}

// So many neighbouring threads, a power of two of at most 32, share a row that each has one vector
// of it, if that is enough.
PARALLAX_HOST_DEVICE inline int lanes_of(std::int64_t width, int vector) {
  int lanes = 1;
  while (lanes < 32 && lanes * vector < width) {
    lanes *= 2;
  }
  return lanes;
}

// Lanes for each row, with shared memory for `sums` values per thread.
inline Grid row_grid(std::int64_t rows, std::int64_t width, int vector, int sums = 0) {
  const std::int64_t at_once = kThreads / lanes_of(width, vector);
  return {(rows + at_once - 1) / at_once, kThreads, sums * kThreads * sizeof(double)};
}

// f(thread, row, lane, lanes) for the threads of a block whose row exists.
template <int vector, class Block, class F>
PARALLAX_DEVICE void each_row(Block& block, std::int64_t rows, std::int64_t width, const F& f) {
  const int lanes = lanes_of(width, vector);
  block.each([&](int thread) {
    const std::int64_t row = block.index() * (block.threads() / lanes) + thread / lanes;
    if (row < rows) {
      f(thread, row, thread % lanes, lanes);
    }
  });
}

// f(column) for the columns at which a lane's vectors begin.
template <int vector, class F>
PARALLAX_DEVICE void for_columns(std::int64_t width, int lane, int lanes, const F& f) {
  for (std::int64_t column = lane * vector; column < width; column += lanes * vector) {
    f(column);
  }
}

// The sum over the lanes of a thread's row.
template <class C>
PARALLAX_DEVICE C sum_of_lanes(const C* sums, int thread, int lanes) {
  C total = 0;
  for (int i = thread / lanes * lanes; i < thread / lanes * lanes + lanes; ++i) {
    total += sums[i];
  }
  return total;
}

// Computes h for the block's rows.
template <int vector, class Block, class S>
PARALLAX_DEVICE void swiglu(Block& block, const SwiGlu<S>& k, std::int64_t rows) {
  each_row<vector>(
      block, rows, k.width, [&](int /*thread*/, std::int64_t row, int lane, int lanes) {
        const Compute<S> rate = rate_of(k.rate, row);
        for_columns<vector>(k.width, lane, lanes, [&](std::int64_t column) {
          const std::int64_t at = row * k.width + column;
          const auto a = load_vector<vector>(k.a + at);
          const auto m = load_vector<vector>(k.m + at);
          Vector<S, vector> h;
          for (int i = 0; i < vector; ++i) {
            store(silu(load(a.elements[i])) * load(m.elements[i]) * rate, h.elements[i]);
          }
          store_vector(h, k.h + at);
        });
      });
}

// Computes the gradients of a, m and the rates for the block's rows.
template <int vector, class Block, class S>
PARALLAX_DEVICE void swiglu_backward(Block& block, const SwiGlu<S>& k, std::int64_t rows) {
  using C = Compute<S>;
  C* const sums = block.template shared<C>(block.threads());
  each_row<vector>(block, rows, k.width, [&](int thread, std::int64_t row, int lane, int lanes) {
    const C rate = rate_of(k.rate, row);
    C sum = 0;
    for_columns<vector>(k.width, lane, lanes, [&](std::int64_t column) {
      const std::int64_t at = row * k.width + column;
      const auto a = load_vector<vector>(k.a + at);
      const auto m = load_vector<vector>(k.m + at);
      const auto of_h = load_vector<vector>(k.h_gradient + at);
      Vector<S, vector> of_a;
      Vector<S, vector> of_m;
      for (int i = 0; i < vector; ++i) {
        const auto g = swiglu_gradient<C>(
            load(a.elements[i]), load(m.elements[i]), load(of_h.elements[i]), rate);
        sum += g.rate;
        store(g.a, of_a.elements[i]);
        store(g.m, of_m.elements[i]);
      }
      store_vector(of_a, k.a_gradient + at);
      store_vector(of_m, k.m_gradient + at);
    });
    sums[thread] = sum;
  });
  if (k.rate_gradient != nullptr) {
    each_row<vector>(block, rows, k.width, [&](int thread, std::int64_t row, int lane, int lanes) {
      if (lane == 0) {
        k.rate_gradient[row] = sum_of_lanes(sums, thread, lanes);
      }
    });
  }
}

// Computes h, da and dm for the block's rows.
template <int vector, class Block, class S>
PARALLAX_DEVICE void inner_gradients(Block& block, const InnerGradients<S>& k, std::int64_t rows) {
  using C = Compute<S>;
  each_row<vector>(
      block, rows, k.width, [&](int /*thread*/, std::int64_t row, int lane, int lanes) {
        const InnerRates<C> rates = rates_of(k, row);
        for_columns<vector>(k.width, lane, lanes, [&](std::int64_t column) {
          const std::int64_t at = row * k.width + column;
          const auto a = load_vector<vector>(k.a + at);
          const auto m = load_vector<vector>(k.m + at);
          const auto dh = load_vector<vector>(k.dh + at);
          Vector<S, vector> h;
          Vector<S, vector> da;
          Vector<S, vector> dm;
          for (int i = 0; i < vector; ++i) {
            const auto factors =
                inner_factors<C>(load(a.elements[i]), load(m.elements[i]), load(dh.elements[i]));
            store(factors.h * rates.lr1, h.elements[i]);
            store(factors.da * rates.lr0, da.elements[i]);
            store(factors.dm * rates.lr2, dm.elements[i]);
          }
          store_vector(h, k.h + at);
          store_vector(da, k.da + at);
          store_vector(dm, k.dm + at);
        });
      });
}

// Computes the gradients of a, m, dh and the rates for the block's rows.
template <int vector, class Block, class S>
PARALLAX_DEVICE void inner_gradients_backward(Block& block,
                                              const InnerGradients<S>& k,
                                              std::int64_t rows) {
  using C = Compute<S>;
  C* const sum0 = block.template shared<C>(block.threads());
  C* const sum1 = block.template shared<C>(block.threads());
  C* const sum2 = block.template shared<C>(block.threads());
  each_row<vector>(block, rows, k.width, [&](int thread, std::int64_t row, int lane, int lanes) {
    const InnerRates<C> rates = rates_of(k, row);
    C of0 = 0;
    C of1 = 0;
    C of2 = 0;
    for_columns<vector>(k.width, lane, lanes, [&](std::int64_t column) {
      const std::int64_t at = row * k.width + column;
      const auto a = load_vector<vector>(k.a + at);
      const auto m = load_vector<vector>(k.m + at);
      const auto dh = load_vector<vector>(k.dh + at);
      const auto of_h = load_vector<vector>(k.h_gradient + at);
      const auto of_da = load_vector<vector>(k.da_gradient + at);
      const auto of_dm = load_vector<vector>(k.dm_gradient + at);
      Vector<S, vector> of_a;
      Vector<S, vector> of_m;
      Vector<S, vector> of_dh;
      for (int i = 0; i < vector; ++i) {
        const auto g = inner_factors_gradient<C>(load(a.elements[i]),
                                                 load(m.elements[i]),
                                                 load(dh.elements[i]),
                                                 load(of_h.elements[i]),
                                                 load(of_da.elements[i]),
                                                 load(of_dm.elements[i]),
                                                 rates);
        of0 += g.lr0;
        of1 += g.lr1;
        of2 += g.lr2;
        store(g.a, of_a.elements[i]);
        store(g.m, of_m.elements[i]);
        store(g.dh, of_dh.elements[i]);
      }
      store_vector(of_a, k.a_gradient + at);
      store_vector(of_m, k.m_gradient + at);
      store_vector(of_dh, k.dh_gradient + at);
    });
    sum0[thread] = of0;
    sum1[thread] = of1;
    sum2[thread] = of2;
  });
  if (k.lr0_gradient != nullptr) {
    each_row<vector>(block, rows, k.width, [&](int thread, std::int64_t row, int lane, int lanes) {
      if (lane == 0) {
        k.lr0_gradient[row] = sum_of_lanes(sum0, thread, lanes);
        k.lr1_gradient[row] = sum_of_lanes(sum1, thread, lanes);
        k.lr2_gradient[row] = sum_of_lanes(sum2, thread, lanes);
      }
    });
  }
}

// a / b and what is left, of numbers that are not negative: GPUs divide numbers of 32 bits several
// times as fast.
struct Division {
  std::int64_t quotient = 0;
  std::int64_t remainder = 0;
};
PARALLAX_DEVICE inline Division divide(std::int64_t a, std::int64_t b) {
  if (((a | b) >> 32) == 0) {
    const auto low = static_cast<std::uint32_t>(a);
    const auto divisor = static_cast<std::uint32_t>(b);
    return {low / divisor, low % divisor};
  }
  return {a / b, a % b};
}

// One thread per `vector` elements.
inline Grid element_grid(std::int64_t elements, int vector) {
  const std::int64_t threads = elements / vector;
  return {(threads + kThreads - 1) / kThreads, kThreads, 0};
}

// Computes h for the block's vectors.
template <int vector, class Block, class S>
PARALLAX_DEVICE void gated_hidden(Block& block, const GatedHidden<S>& k) {
  const std::int64_t in_row = k.width / vector;
  block.each([&](int thread) {
    const std::int64_t at = block.index() * block.threads() + thread;
    if (at >= k.rows * in_row) {
      return;
    }
    const Division place = divide(at, in_row);
    const std::int64_t row = place.quotient;
    const std::int64_t column = place.remainder * vector;
    const S* const gates = k.packed + row * 2 * k.width + column;
    const auto a = load_vector<vector>(gates);
    const auto m = load_vector<vector>(gates + k.width);
    const float rate = rate_of(k.rate, row);
    Vector<S, vector> h;
    for (int i = 0; i < vector; ++i) {
      store(silu(load(a.elements[i])) * load(m.elements[i]) * rate, h.elements[i]);
    }
    store_vector(h, k.h + row * k.width + column);
  });
}

// Copies the block's vectors.
template <int vector, class Block, class In, class Out>
PARALLAX_DEVICE void scaled_copy(Block& block, const ScaledCopy<In, Out>& k) {
  block.each([&](int thread) {
    const std::int64_t at = (block.index() * block.threads() + thread) * vector;
    if (at >= k.batch * k.size) {
      return;
    }
    const float factor = k.factors[divide(at, k.size).quotient];
    const auto from = load_vector<vector>(k.from + at);
    Vector<Out, vector> to;
    for (int i = 0; i < vector; ++i) {
      store(load(from.elements[i]) * factor, to.elements[i]);
    }
    store_vector(to, k.to + at);
  });
}

// Steps that a thread of the scan loads at once: one at a time it would wait for memory each time.
inline constexpr int kScanAhead = 4;

// Computes all states of the block's elements, one after the other.
template <int vector, class Block, class In, class Out>
PARALLAX_DEVICE void linear_scan(Block& block, const LinearScan<In, Out>& k) {
  const std::int64_t in_state = k.size / vector;
  block.each([&](int thread) {
    const std::int64_t index = block.index() * block.threads() + thread;
    if (index >= k.batch * in_state) {
      return;
    }
    const Division place = divide(index, in_state);
    const std::int64_t element = place.quotient;
    const std::int64_t at = place.remainder * vector;
    float state[vector];
    for (int j = 0; j < vector; ++j) {
      state[j] = k.start == nullptr ? 0.0F : k.start[element * k.size + at + j];
    }
    const auto keep = [&](std::int64_t count) {
      if (count < k.first || count >= k.first + k.kept) {
        return;
      }
      Vector<Out, vector> rounded;
      for (int j = 0; j < vector; ++j) {
        store(state[j], rounded.elements[j]);
      }
      store_vector(rounded, k.states + (element * k.kept + count - k.first) * k.size + at);
    };
    keep(0);
    for (std::int64_t first = 0; first < k.count; first += kScanAhead) {
      Vector<In, vector> added[kScanAhead];
      for (int i = 0; i < kScanAhead; ++i) {
        if (first + i < k.count) {
          added[i] = load_vector<vector>(k.steps + element * k.apart + (first + i) * k.size + at);
        }
      }
      for (int i = 0; i < kScanAhead; ++i) {
        if (first + i < k.count) {
          const float factor =
              k.factors == nullptr ? 1.0F : k.factors[element * k.count + first + i];
          for (int j = 0; j < vector; ++j) {
            state[j] = factor * state[j] + k.scale * load(added[i].elements[j]);
          }
          keep(first + i + 1);
        }
      }
    }
    for (int j = 0; j < vector && k.end != nullptr; ++j) {
      k.end[element * k.size + at + j] = state[j];
    }
  });
}

// kNormColumns columns per block; the threads that share a column divide its rows among themselves.
inline constexpr int kNormColumns = 32;
inline Grid column_norm_grid(const ColumnNorm& k) {
  return {
      k.batch * ((k.cols + kNormColumns - 1) / kNormColumns), kThreads, kThreads * sizeof(float)};
}

// Normalises the block's columns of one matrix.
template <class Block>
PARALLAX_DEVICE void column_norm(Block& block, const ColumnNorm& k) {
  const std::int64_t tiles = (k.cols + kNormColumns - 1) / kNormColumns;
  const std::int64_t element = block.index() / tiles;
  const std::int64_t first = block.index() % tiles * kNormColumns;
  const int lanes = block.threads() / kNormColumns;
  const float* const w = k.w + element * k.rows * k.cols;
  float* const out = k.out + element * k.rows * k.cols;
  float* const sums = block.template shared<float>(block.threads());
  block.each([&](int thread) {
    const std::int64_t col = first + thread % kNormColumns;
    float sum = 0;
    for (std::int64_t row = thread / kNormColumns; col < k.cols && row < k.rows; row += lanes) {
      sum += w[row * k.cols + col] * w[row * k.cols + col];
    }
    sums[thread] = sum;
  });
  sum_of_threads(block, sums, kNormColumns);
  block.each([&](int thread) {
    const std::int64_t col = first + thread % kNormColumns;
    if (col >= k.cols) {
      return;
    }
    const float norm = square_root(sums[thread % kNormColumns]);
    const float scale = k.norms[element * k.cols + col] / (norm + k.eps);
    for (std::int64_t row = thread / kNormColumns; row < k.rows; row += lanes) {
      out[row * k.cols + col] = w[row * k.cols + col] * scale;
    }
  });
}

}  // namespace parallax::cuda
