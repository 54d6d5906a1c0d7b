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

inline constexpr int kThreads = 256;  // per block

// One block per row, with shared memory for `sums` values per thread.
inline Grid row_grid(std::int64_t rows, int sums = 0) {
  return {rows, kThreads, sums * kThreads * sizeof(double)};
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

// Computes h for one row.
template <class Block, class S>
PARALLAX_DEVICE void swiglu(Block& block, const SwiGlu<S>& k) {
  const std::int64_t offset = block.index() * k.width;
  const Compute<S> rate = rate_of(k.rate, block.index());
  block.each([&](int thread) {
    for (std::int64_t j = offset + thread; j < offset + k.width; j += block.threads()) {
      store(silu(load(k.a[j])) * load(k.m[j]) * rate, k.h[j]);
    }
  });
}

// Computes the gradients of a, m and the rate for one row.
template <class Block, class S>
PARALLAX_DEVICE void swiglu_backward(Block& block, const SwiGlu<S>& k) {
  using C = Compute<S>;
  const std::int64_t offset = block.index() * k.width;
  const C rate = rate_of(k.rate, block.index());
  C* const sums = block.template shared<C>(block.threads());
  block.each([&](int thread) {
    C sum = 0;
    for (std::int64_t j = offset + thread; j < offset + k.width; j += block.threads()) {
      const auto g = swiglu_gradient<C>(load(k.a[j]), load(k.m[j]), load(k.h_gradient[j]), rate);
      sum += g.rate;
      store(g.a, k.a_gradient[j]);
      store(g.m, k.m_gradient[j]);
    }
    sums[thread] = sum;
  });
  if (k.rate_gradient != nullptr) {
    sum_of_threads(block, sums);
    block.each([&](int thread) {
      if (thread == 0) {
        k.rate_gradient[block.index()] = sums[0];
      }
    });
  }
}

// Computes h, da and dm for one row.
template <class Block, class S>
PARALLAX_DEVICE void inner_gradients(Block& block, const InnerGradients<S>& k) {
  using C = Compute<S>;
  const std::int64_t row = block.index();
  const std::int64_t offset = row * k.width;
  const InnerRates<C> rates = rates_of(k, row);
  block.each([&](int thread) {
    for (std::int64_t j = offset + thread; j < offset + k.width; j += block.threads()) {
      const auto factors = inner_factors<C>(load(k.a[j]), load(k.m[j]), load(k.dh[j]));
      store(factors.h * rates.lr1, k.h[j]);
      store(factors.da * rates.lr0, k.da[j]);
      store(factors.dm * rates.lr2, k.dm[j]);
    }
  });
}

// Computes the gradients of a, m, dh and the rates for one row.
template <class Block, class S>
PARALLAX_DEVICE void inner_gradients_backward(Block& block, const InnerGradients<S>& k) {
  using C = Compute<S>;
  const std::int64_t row = block.index();
  const std::int64_t offset = row * k.width;
  const InnerRates<C> rates = rates_of(k, row);
  C* const sum0 = block.template shared<C>(block.threads());
  C* const sum1 = block.template shared<C>(block.threads());
  C* const sum2 = block.template shared<C>(block.threads());
  block.each([&](int thread) {
    C of0 = 0;
    C of1 = 0;
    C of2 = 0;
    for (std::int64_t j = offset + thread; j < offset + k.width; j += block.threads()) {
      const auto g = inner_factors_gradient<C>(load(k.a[j]),
                                               load(k.m[j]),
                                               load(k.dh[j]),
                                               load(k.h_gradient[j]),
                                               load(k.da_gradient[j]),
                                               load(k.dm_gradient[j]),
                                               rates);
      of0 += g.lr0;
      of1 += g.lr1;
      of2 += g.lr2;
      store(g.a, k.a_gradient[j]);
      store(g.m, k.m_gradient[j]);
      store(g.dh, k.dh_gradient[j]);
    }
    sum0[thread] = of0;
    sum1[thread] = of1;
    sum2[thread] = of2;
  });
  if (k.lr0_gradient != nullptr) {
    sum_of_threads(block, sum0);
    sum_of_threads(block, sum1);
    sum_of_threads(block, sum2);
    block.each([&](int thread) {
      if (thread == 0) {
        k.lr0_gradient[row] = sum0[0];
        k.lr1_gradient[row] = sum1[0];
        k.lr2_gradient[row] = sum2[0];
      }
    });
  }
}

// One thread per state element.
inline Grid scan_grid(const LinearScan& k) {
  return {k.batch * ((k.size + kThreads - 1) / kThreads), kThreads, 0};
}

// Computes all states of the block's elements, one after the other.
template <class Block>
PARALLAX_DEVICE void linear_scan(Block& block, const LinearScan& k) {
  const std::int64_t tiles = (k.size + block.threads() - 1) / block.threads();
  const std::int64_t element = block.index() / tiles;
  block.each([&](int thread) {
    const std::int64_t at = block.index() % tiles * block.threads() + thread;
    if (at >= k.size) {
      return;
    }
    float state = k.start == nullptr ? 0.0F : k.start[element * k.size + at];
    for (std::int64_t i = element * k.count; i < (element + 1) * k.count; ++i) {
      const float factor = k.factors == nullptr ? 1.0F : k.factors[i];
      state = factor * state + k.scale * k.steps[i * k.size + at];
      k.states[i * k.size + at] = state;
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

// kValueColumns columns of the state per block; they stay in shared memory for all chunks.
inline constexpr int kValueColumns = 16;
template <class S>
inline Grid linear_attention_grid(const LinearAttention<S>& k) {
  return {k.batch * ((k.value_width + kValueColumns - 1) / kValueColumns),
          kThreads,
          static_cast<std::size_t>(k.key_width) * kValueColumns * sizeof(float)};
}

// Runs over all chunks for the block's columns of one state.
template <class Block, class S>
PARALLAX_DEVICE void linear_attention(Block& block, const LinearAttention<S>& k) {
  const std::int64_t tiles = (k.value_width + kValueColumns - 1) / kValueColumns;
  const std::int64_t element = block.index() / tiles;
  const std::int64_t first = block.index() % tiles * kValueColumns;
  const int lanes = block.threads() / kValueColumns;
  const std::int64_t state_offset = element * k.key_width * k.value_width;
  const std::int64_t key_offset = element * k.tokens * k.key_width;
  const std::int64_t value_offset = element * k.tokens * k.value_width;
  float* const state = block.template shared<float>(k.key_width * kValueColumns);
  // f(lane, column of the tile, column of the values) for threads whose column exists.
  const auto each_column = [&](const auto& f) {
    block.each([&](int thread) {
      const int col = thread % kValueColumns;
      if (first + col < k.value_width) {
        f(thread / kValueColumns, col, first + col);
      }
    });
  };
  each_column([&](int lane, int col, std::int64_t at) {
    for (std::int64_t row = lane; row < k.key_width; row += lanes) {
      state[row * kValueColumns + col] = k.start[state_offset + row * k.value_width + at];
    }
  });
  for (std::int64_t begin = 0; begin < k.tokens; begin += k.chunk) {
    const std::int64_t end = begin + k.chunk < k.tokens ? begin + k.chunk : k.tokens;
    each_column([&](int lane, int col, std::int64_t at) {
      for (std::int64_t row = lane; row < k.key_width; row += lanes) {
        float sum = 0;
        for (std::int64_t token = begin; token < end; ++token) {
          sum += load(k.k[key_offset + token * k.key_width + row]) *
                 load(k.v[value_offset + token * k.value_width + at]);
        }
        state[row * kValueColumns + col] += k.scale * sum;
      }
    });
    each_column([&](int lane, int col, std::int64_t at) {
      for (std::int64_t token = begin + lane; token < end; token += lanes) {
        float sum = 0;
        for (std::int64_t row = 0; row < k.key_width; ++row) {
          sum +=
              load(k.q[key_offset + token * k.key_width + row]) * state[row * kValueColumns + col];
        }
        store(sum, k.output[value_offset + token * k.value_width + at]);
      }
    });
  }
  each_column([&](int lane, int col, std::int64_t at) {
    for (std::int64_t row = lane; row < k.key_width; row += lanes) {
      k.end[state_offset + row * k.value_width + at] = state[row * kValueColumns + col];
    }
  });
}

}  // namespace parallax::cuda
