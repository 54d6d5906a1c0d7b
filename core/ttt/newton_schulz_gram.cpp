// Symmetric products by panels of rows, one triangle each, around the BLAS that LibTorch brings.
#include "core/ttt/newton_schulz_gram.h"

#include <algorithm>
#include <cmath>

#include "core/ttt/blas.h"
#include "core/ttt/dispatch.h"

namespace parallax {
namespace {

constexpr double kFrobeniusEps = 1e-7;
constexpr int64_t kPanel = 64;       // rows of a panel; below it products are made whole
constexpr int64_t kWidePanel = 128;  // where matrices are large
constexpr int64_t kTile = 16;        // of a transposed copy

// One matrix of the batch, row-major: long side `length`, short side `side`.
struct Shape {
  int64_t side = 0;
  int64_t length = 0;
  bool tall = false;  // rows > cols: the Gram matrix is XᵀX and factors come from the right
};

template <class T>
void scale_by(T* x, T factor, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    x[i] *= factor;
  }
}

// Runs f(i) for i < count on all threads, or on this one if it is already one of several.
template <class F>
void for_each(int64_t count, const F& f) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      f(i);
    }
  });
}

// Copies the block [rows, cols) below the diagonal to its mirror image.
template <class T>
void mirror_block(T* c, int64_t n, int64_t begin, int64_t end) {
  for (int64_t i0 = begin; i0 < end; i0 += kTile) {
    const int64_t i1 = std::min(i0 + kTile, end);
    for (int64_t j0 = 0; j0 < i1; j0 += kTile) {
      const int64_t j1 = std::min(j0 + kTile, i1);
      for (int64_t j = j0; j < j1; ++j) {
        for (int64_t i = std::max(i0, j + 1); i < i1; ++i) {
          c[j * n + i] = c[i * n + j];
        }
      }
    }
  }
}

// c [n, n] = a [n, inner] · b [inner, n], known to be symmetric: one triangle by panels of rows,
// and its mirror image.
template <class T>
void symmetric_product(const Operand<T>& a, const Operand<T>& b, int64_t inner, T* c, int64_t n) {
  const int64_t panel = n <= 2 * kPanel ? n : (n < 512 ? kPanel : kWidePanel);
  const int64_t count = (n + panel - 1) / panel;
  for_each(count, [&](int64_t index) {
    // Long and short panels in turn, so that threads get equal shares.
    const int64_t i = index % 2 == 0 ? index / 2 : count - 1 - index / 2;
    const int64_t begin = i * panel;
    const int64_t end = std::min(begin + panel, n);
    const Operand<T> rows{a.row(begin), a.stride, a.transposed};
    multiply(T{1}, rows, b, {end - begin, inner, end}, T{0}, c + begin * n, n);
  });
  for (int64_t begin = 0; begin < n; begin += panel) {
    mirror_block(c, n, begin, std::min(begin + panel, n));
  }
}

template <class T>
void gram(const T* x, const Shape& shape, T* c) {
  const int64_t stride = shape.tall ? shape.side : shape.length;
  symmetric_product<T>(
      {x, stride, shape.tall}, {x, stride, !shape.tall}, shape.length, c, shape.side);
}

// a · b of two symmetric matrices that commute.
template <class T>
void commuting_product(const T* a, const T* b, T* c, int64_t n) {
  symmetric_product<T>({a, n}, {b, n}, n, c, n);
}

// The matrix identity · I + rest.
template <class T>
struct Factor {
  T identity = 1;
  T* rest = nullptr;
};

// y = q x, or x q where x is tall; by panels of y's rows.
template <class T>
void apply_factor(const Factor<T>& q, const T* x, const Shape& shape, T* y) {
  const int64_t rows = shape.tall ? shape.length : shape.side;
  const int64_t cols = shape.tall ? shape.side : shape.length;
  const Operand<T> left{shape.tall ? x : q.rest, shape.side};
  const Operand<T> right{shape.tall ? q.rest : x, cols};
  const int64_t panel = std::max<int64_t>(kPanel, rows / at::get_num_threads());
  for_each((rows + panel - 1) / panel, [&](int64_t i) {
    const int64_t begin = i * panel;
    const int64_t count = std::min(panel, rows - begin);
    const Operand<T> part{left.row(begin), left.stride};
    std::copy_n(x + begin * cols, count * cols, y + begin * cols);
    multiply(T{1}, part, right, {count, shape.side, cols}, q.identity, y + begin * cols, cols);
  });
}

constexpr int64_t kWorkMatrices = 5;  // A, A², and what a step's factor and all of them are made of

// `steps` iterations on A, the Gram matrix in `work`: the factor Q with X ← Q X. Destroys A.
template <class T>
Factor<T> factor_of_steps(const NewtonSchulzOptions& options,
                          int first,
                          int steps,
                          int64_t n,
                          T* work) {
  const int64_t size = n * n;
  T* a = work;
  T* square = work + size;
  T* polynomial = work + 2 * size;
  T* q = work + 3 * size;
  T* spare = work + 4 * size;
  for (int step = 0; step < steps; ++step) {
    const auto& triple =
        options.coefficients.at(std::min<size_t>(first + step, options.coefficients.size() - 1));
    const T identity = static_cast<T>(triple[0]);
    const T linear = static_cast<T>(triple[1]);
    const T quadratic = static_cast<T>(triple[2]);
    commuting_product(a, a, square, n);
    T* const target = step == 0 ? q : polynomial;
    for (int64_t i = 0; i < size; ++i) {
      target[i] = linear * a[i] + quadratic * square[i];
    }
    if (steps == 1) {
      return {identity, q};  // apart, as adding it would cost small entries their last digits
    }
    for (int64_t i = 0; i < n; ++i) {
      target[i * n + i] += identity;
    }
    if (step + 1 < steps) {  // A ← P A P
      commuting_product(a, target, square, n);
      commuting_product(square, target, a, n);
    }
    if (step > 0) {
      commuting_product(q, polynomial, spare, n);
      std::swap(q, spare);
    }
  }
  return {0, q};
}

// How many steps share one Gram matrix: products with X saved against products of small matrices.
int steps_of_block(const Shape& shape, int left) {
  if (shape.length * 10 < shape.side * 12) {
    return 1;  // nearly square: there is nothing to save
  }
  return std::min(left, 2);
}

// One matrix: x is overwritten, as is y; returns where the result is.
template <class T>
T* iterate(const NewtonSchulzOptions& options, const Shape& shape, T* x, T* y, T* work) {
  const int64_t n = shape.side;
  for (int done = 0; done < options.steps;) {
    gram(x, shape, work);
    T scale = 1;
    if (done == 0) {  // ‖X‖² is the trace
      T trace = 0;
      for (int64_t i = 0; i < n; ++i) {
        trace += work[i * n + i];
      }
      scale = 1 / (std::sqrt(trace) + static_cast<T>(kFrobeniusEps));
      scale_by(work, scale * scale, n * n);
    }
    const int steps = steps_of_block(shape, options.steps - done);
    Factor<T> q = factor_of_steps(options, done, steps, n, work);
    if (done == 0) {
      q.identity *= scale;
      scale_by(q.rest, scale, n * n);
    }
    apply_factor(q, x, shape, y);
    std::swap(x, y);
    done += steps;
  }
  return x;
}

template <class T>
Tensor orthogonalise_batch(const Tensor& gradient, const NewtonSchulzOptions& options) {
  const int64_t rows = gradient.size(-2);
  const int64_t cols = gradient.size(-1);
  const Shape shape{std::min(rows, cols), std::max(rows, cols), rows > cols};
  const int64_t count = gradient.numel() / (rows * cols);
  const Tensor x = gradient.clone(at::MemoryFormat::Contiguous);
  const Tensor y = torch::empty_like(x);
  const int64_t work_size = kWorkMatrices * shape.side * shape.side;
  const auto run = [&](int64_t begin, int64_t end) {
    const Tensor work = torch::empty({work_size}, x.options());
    for (int64_t i = begin; i < end; ++i) {
      T* from = x.data_ptr<T>() + i * rows * cols;
      T* other = y.data_ptr<T>() + i * rows * cols;
      const T* result = iterate(options, shape, from, other, work.data_ptr<T>());
      if (result != other) {
        std::copy_n(result, rows * cols, other);
      }
    }
  };
  // Whole matrices to the threads where there are enough of them, else the threads share each one.
  if (count % at::get_num_threads() == 0) {
    at::parallel_for(0, count, 1, run);
  } else {
    run(0, count);
  }
  return y;
}

}  // namespace

bool has_gram_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options) {
  const bool recorded = torch::GradMode::is_enabled() && gradient.requires_grad();
  return has_fused_kernels(gradient) && !recorded && options.steps > 0 && gradient.numel() > 0 &&
         options.precision == NewtonSchulzPrecision::kWorking &&
         gradient.scalar_type() != torch::kBFloat16;
}

Tensor orthogonalise_gram(const Tensor& gradient, const NewtonSchulzOptions& options) {
  return gradient.scalar_type() == torch::kFloat64 ? orthogonalise_batch<double>(gradient, options)
                                                   : orthogonalise_batch<float>(gradient, options);
}

}  // namespace parallax
