// The only source of the element-wise kernels. Included by one source file per instruction set,
// inside a namespace of its own, after core/ops/elementwise/kernels.h.
#include "core/ops/common/math-inl.h"

#include "core/ops/common/inner_net-inl.h"

// ---- rows ----

template <class S, class C>
void silu_row(const S* x, S* y, std::int64_t width) {
#pragma omp simd
  for (std::int64_t j = 0; j < width; ++j) {
    store(silu(static_cast<C>(load(x[j]))), y[j]);
  }
}

template <class S, class C>
C square_sum(const S* x, std::int64_t width) {
  C sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t j = 0; j < width; ++j) {
    const C value = load(x[j]);
    sum += value * value;
  }
  return sum;
}

// silu(x) in the type of arithmetic; returns the sum of its squares.
template <class S, class C>
C silu_and_square_sum(const S* x, C* value, std::int64_t width) {
  C sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t j = 0; j < width; ++j) {
    const C silu_of_x = silu(static_cast<C>(load(x[j])));
    value[j] = silu_of_x;
    sum += silu_of_x * silu_of_x;
  }
  return sum;
}

template <class S, class C>
void silu_unit_row(const S* x, S* y, std::int64_t width, C eps) {
  constexpr std::int64_t kBlock = 512;  // elements of which silu(x) is kept
  C value[kBlock];
  C sum = 0;
  for (std::int64_t begin = 0; begin < width; begin += kBlock) {
    const std::int64_t count = width - begin < kBlock ? width - begin : kBlock;
    sum += silu_and_square_sum(x + begin, value, count);
  }
  const C scale = 1 / (square_root(sum) + eps);
  if (width > kBlock) {
#pragma omp simd
    for (std::int64_t j = 0; j < width; ++j) {
      store(silu(static_cast<C>(load(x[j]))) * scale, y[j]);
    }
    return;
  }
#pragma omp simd
  for (std::int64_t j = 0; j < width; ++j) {
    store(value[j] * scale, y[j]);
  }
}

// s = silu(x), y = s / (n + eps), n = ‖s‖:
// ds = dy / (n + eps) − s ⟨dy, s⟩ / (n (n + eps)²).
template <class S, class C>
void silu_unit_row_backward(const S* x, const S* dy, S* dx, std::int64_t width, C eps, C* scratch) {
  C* value = scratch;
  C* slope = scratch + width;
  C squares = 0;
  C dot = 0;
#pragma omp simd reduction(+ : squares, dot)
  for (std::int64_t j = 0; j < width; ++j) {
    const C input = load(x[j]);
    const C sigma = sigmoid(input);
    value[j] = input * sigma;
    slope[j] = silu_slope(input, sigma);
    squares += value[j] * value[j];
    dot += value[j] * static_cast<C>(load(dy[j]));
  }
  const C norm = square_root(squares);
  const C scale = 1 / (norm + eps);
  const C along = norm > 0 ? dot * scale * scale / norm : 0;
#pragma omp simd
  for (std::int64_t j = 0; j < width; ++j) {
    store((static_cast<C>(load(dy[j])) * scale - value[j] * along) * slope[j], dx[j]);
  }
}

template <class S, class C>
void rms_row(const S* x, const C* weight, S* y, std::int64_t width, C eps) {
  const C scale = 1 / square_root(square_sum<S, C>(x, width) / static_cast<C>(width) + eps);
#pragma omp simd
  for (std::int64_t j = 0; j < width; ++j) {
    store(static_cast<C>(load(x[j])) * scale * weight[j], y[j]);
  }
}

// r = 1/√(mean x² + eps): dx = r (dy ⊙ w) − x r³ ⟨dy ⊙ w, x⟩ / width; dw += dy ⊙ x r.
template <class S, class C>
void rms_row_backward(const S* x,
                      const C* weight,
                      const S* dy,
                      S* dx,
                      std::int64_t width,
                      C eps,
                      C* weight_gradient) {
  C squares = 0;
  C dot = 0;
#pragma omp simd reduction(+ : squares, dot)
  for (std::int64_t j = 0; j < width; ++j) {
    const C value = load(x[j]);
    squares += value * value;
    dot += static_cast<C>(load(dy[j])) * weight[j] * value;
  }
  const C scale = 1 / square_root(squares / static_cast<C>(width) + eps);
  const C along = scale * scale * scale * dot / static_cast<C>(width);
#pragma omp simd
  for (std::int64_t j = 0; j < width; ++j) {
    const C value = load(x[j]);
    const C gradient = load(dy[j]);
    store(scale * gradient * weight[j] - value * along, dx[j]);
    weight_gradient[j] += gradient * value * scale;
  }
}

#include "core/ops/elementwise/split_heads-inl.h"

// ---- inner net ----

template <class S>
void swiglu(const SwiGlu<S>& k, std::int64_t begin, std::int64_t end) {
  using C = Compute<S>;
  for (std::int64_t row = begin; row < end; ++row) {
    const S* a = k.a + row * k.width;
    const S* m = k.m + row * k.width;
    S* h = k.h + row * k.width;
    const C rate = rate_of(k.rate, row);
#pragma omp simd
    for (std::int64_t j = 0; j < k.width; ++j) {
      store(silu(static_cast<C>(load(a[j]))) * static_cast<C>(load(m[j])) * rate, h[j]);
    }
  }
}

template <class S>
void swiglu_backward(const SwiGlu<S>& k, std::int64_t begin, std::int64_t end) {
  using C = Compute<S>;
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t offset = row * k.width;
    const S* a = k.a + offset;
    const S* m = k.m + offset;
    const S* dh = k.h_gradient + offset;
    S* da = k.a_gradient + offset;
    S* dm = k.m_gradient + offset;
    const C rate = rate_of(k.rate, row);
    C rate_gradient = 0;
#pragma omp simd reduction(+ : rate_gradient)
    for (std::int64_t j = 0; j < k.width; ++j) {
      const auto g = swiglu_gradient<C>(load(a[j]), load(m[j]), load(dh[j]), rate);
      rate_gradient += g.rate;
      store(g.a, da[j]);
      store(g.m, dm[j]);
    }
    if (k.rate_gradient != nullptr) {
      k.rate_gradient[row] = rate_gradient;
    }
  }
}

template <class S>
void inner_gradients(const InnerGradients<S>& k, std::int64_t begin, std::int64_t end) {
  using C = Compute<S>;
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t offset = row * k.width;
    const S* a = k.a + offset;
    const S* m = k.m + offset;
    const S* dh = k.dh + offset;
    S* h = k.h + offset;
    S* da = k.da + offset;
    S* dm = k.dm + offset;
    const InnerRates<C> rates = rates_of(k, row);
#pragma omp simd
    for (std::int64_t j = 0; j < k.width; ++j) {
      const auto factors = inner_factors<C>(load(a[j]), load(m[j]), load(dh[j]));
      store(factors.h * rates.lr1, h[j]);
      store(factors.da * rates.lr0, da[j]);
      store(factors.dm * rates.lr2, dm[j]);
    }
  }
}

template <class S>
void inner_gradients_backward(const InnerGradients<S>& k, std::int64_t begin, std::int64_t end) {
  using C = Compute<S>;
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t offset = row * k.width;
    const S* a = k.a + offset;
    const S* m = k.m + offset;
    const S* dh = k.dh + offset;
    const S* h_gradient = k.h_gradient + offset;
    const S* da_gradient = k.da_gradient + offset;
    const S* dm_gradient = k.dm_gradient + offset;
    S* a_gradient = k.a_gradient + offset;
    S* m_gradient = k.m_gradient + offset;
    S* dh_gradient = k.dh_gradient + offset;
    const InnerRates<C> rates = rates_of(k, row);
    C sum0 = 0;
    C sum1 = 0;
    C sum2 = 0;
#pragma omp simd reduction(+ : sum0, sum1, sum2)
    for (std::int64_t j = 0; j < k.width; ++j) {
      const auto g = inner_factors_gradient<C>(load(a[j]),
                                               load(m[j]),
                                               load(dh[j]),
                                               load(h_gradient[j]),
                                               load(da_gradient[j]),
                                               load(dm_gradient[j]),
                                               rates);
      sum0 += g.lr0;
      sum1 += g.lr1;
      sum2 += g.lr2;
      store(g.a, a_gradient[j]);
      store(g.m, m_gradient[j]);
      store(g.dh, dh_gradient[j]);
    }
    if (k.lr0_gradient != nullptr) {
      k.lr0_gradient[row] = sum0;
      k.lr1_gradient[row] = sum1;
      k.lr2_gradient[row] = sum2;
    }
  }
}

template <class S>
void gelu(const Gelu<S>& k, std::int64_t begin, std::int64_t end) {
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) {
    const Compute<S> x = load(k.x[i]);
    store(x * normal(x).integral, k.y[i]);
  }
}

template <class S>
void gelu_backward(const Gelu<S>& k, std::int64_t begin, std::int64_t end) {
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) {
    const Compute<S> x = load(k.x[i]);
    const auto phi = normal(x);
    store(static_cast<Compute<S>>(load(k.y_gradient[i])) * (phi.integral + x * phi.density),
          k.x_gradient[i]);
  }
}

#include "core/ops/elementwise/add_step-inl.h"

template <class S>
constexpr ElementwiseKernels<S> elementwise_table() {
  return {split_heads<S>,
          split_heads_backward<S>,
          merge_heads<S>,
          merge_heads_backward<S>,
          swiglu<S>,
          swiglu_backward<S>,
          gelu<S>,
          gelu_backward<S>,
          inner_gradients<S>,
          inner_gradients_backward<S>,
          add_step<Compute<S>>};
}

constexpr ElementwiseTables elementwise_tables() {
  return {
      elementwise_table<float>(), elementwise_table<double>(), elementwise_table<BFloat16Bits>()};
}
