// Symmetric products by panels of columns, half of each, on kernels of our own.
#include "core/ttt/newton_schulz_gram.h"

#include <algorithm>
#include <cmath>

#include "core/ttt/panel_product.h"

namespace parallax {
namespace {

using kernels::PanelProduct;

constexpr double kFrobeniusEps = 1e-7;

int64_t round_up(int64_t number, int64_t multiple) {
  return (number + multiple - 1) / multiple * multiple;
}

// X as it is worked on: tall, [length, side], with zeros where the sides are filled up.
struct Shape {
  int64_t side = 0;
  int64_t length = 0;
};

template <class T>
void scale_by(T* x, T factor, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    x[i] *= factor;
  }
}

template <class T>
void gram(const T* x, const Shape& shape, T* c) {  // Xᵀ X
  const int64_t n = shape.side;
  multiply_panels(PanelProduct<T>{.rows = n,
                                  .inner = shape.length,
                                  .cols = n,
                                  .a = x,
                                  .a_row = 1,
                                  .a_inner = n,
                                  .b = x,
                                  .b_stride = n,
                                  .c = c,
                                  .c_stride = n,
                                  .symmetric = true});
}

// a · b of two symmetric matrices that commute.
template <class T>
void commuting_product(const T* a, const T* b, T* c, int64_t n) {
  multiply_panels(PanelProduct<T>{.rows = n,
                                  .inner = n,
                                  .cols = n,
                                  .a = a,
                                  .a_row = n,
                                  .a_inner = 1,
                                  .b = b,
                                  .b_stride = n,
                                  .c = c,
                                  .c_stride = n,
                                  .symmetric = true});
}

// The matrix identity · I + rest.
template <class T>
struct Factor {
  T identity = 1;
  T* rest = nullptr;
};

// y = x q
template <class T>
void apply_factor(const Factor<T>& q, const T* x, const Shape& shape, T* y) {
  const int64_t n = shape.side;
  for (int64_t i = 0; q.identity != 0 && i < shape.length * n; ++i) {
    y[i] = q.identity * x[i];
  }
  multiply_panels(PanelProduct<T>{.rows = shape.length,
                                  .inner = n,
                                  .cols = n,
                                  .a = x,
                                  .a_row = n,
                                  .a_inner = 1,
                                  .b = q.rest,
                                  .b_stride = n,
                                  .c = y,
                                  .c_stride = n,
                                  .add = q.identity != 0});
}

constexpr int64_t kWorkMatrices = 5;  // A, A², and what a step's factor and all of them are made of

// `steps` iterations on A, the Gram matrix in `work`: the factor Q with X ← X Q. Destroys A.
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

// How many steps share one Gram matrix: as many as keep small singular values' digits.
int steps_of_block(int left) { return std::min(left, left % 2 == 1 ? 3 : 2); }

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
    const int steps = steps_of_block(options.steps - done);
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
  const Tensor from = gradient.reshape({-1, rows, cols});
  const auto tall = [&](const Tensor& matrices) {
    return rows > cols ? matrices : matrices.transpose(1, 2);
  };
  const int64_t side = std::min(rows, cols);
  const int64_t length = std::max(rows, cols);
  const Shape shape{round_up(side, kernels::kPanelMultiple), length};
  const Tensor x = torch::zeros({from.size(0), length, shape.side}, from.options());
  x.narrow(2, 0, side).copy_(tall(from));
  const Tensor y = torch::empty_like(x);
  const auto run = [&](int64_t begin, int64_t end) {
    const Tensor work = torch::empty({kWorkMatrices * shape.side * shape.side}, x.options());
    for (int64_t i = begin; i < end; ++i) {
      T* one = x.data_ptr<T>() + i * length * shape.side;
      T* other = y.data_ptr<T>() + i * length * shape.side;
      const T* result = iterate(options, shape, one, other, work.data_ptr<T>());
      if (result != other) {
        std::copy_n(result, length * shape.side, other);
      }
    }
  };
  // Whole matrices to the threads where there are enough of them, else the threads share each one.
  if (from.size(0) % at::get_num_threads() == 0) {
    at::parallel_for(0, from.size(0), 1, run);
  } else {
    run(0, from.size(0));
  }
  return tall(y.narrow(2, 0, side)).reshape(gradient.sizes());
}

}  // namespace

bool has_gram_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options) {
  const bool recorded = torch::GradMode::is_enabled() && gradient.requires_grad();
  return has_fused_kernels(gradient) && !recorded && options.steps > 0 && gradient.numel() > 0 &&
         options.precision != NewtonSchulzPrecision::kBfloat16 &&
         gradient.scalar_type() != torch::kBFloat16;
}

Tensor orthogonalise_gram(const Tensor& gradient, const NewtonSchulzOptions& options) {
  return gradient.scalar_type() == torch::kFloat64 ? orthogonalise_batch<double>(gradient, options)
                                                   : orthogonalise_batch<float>(gradient, options);
}

}  // namespace parallax
