// Symmetric products by panels of columns, half of each, on kernels of our own; or, of matrices too
// thin to fill panels, whole ones.
#include "core/ttt/newton_schulz_gram.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "core/ttt/blas.h"
#include "core/ttt/newton_schulz_panels.h"

namespace parallax {
namespace {

using kernels::PanelKernels;
using newton_schulz_panels::BatchShape;

// identity · I + rest
template <class T>
struct ShiftedMatrix {
  T identity = 1;
  T* rest = nullptr;  // [side, side]
};

// What the iteration does with X [length, side] and matrices [side, side], in the kernel's
// precision.
template <class T>
class PanelArithmetic {
 public:
  PanelArithmetic(const PanelKernels<T>& kernel, const BatchShape& shape)
      : kernel_(kernel), length_(shape.length), side_(shape.side) {}

  void gram(const T* x, T* gram) const {
    newton_schulz_panels::symmetric_inner_product(kernel_, length_, side_, x, x, gram);
  }

  // c ← c + scale · a b, of symmetric matrices that commute.
  void add_product(T scale, const T* a, const T* b, T* c) const {
    newton_schulz_panels::add_symmetric_product(kernel_, side_, scale, a, b, c);
  }

  // y ← y + x factor
  void add_applied(const T* x, const T* factor, T* y) const {
    newton_schulz_panels::add_product(kernel_, length_, side_, x, factor, y);
  }

  void combine(T alpha, const T* x, T beta, const T* y, int64_t count, T* out) const {
    kernel_.combine(alpha, x, beta, y, count, out);
  }

 private:
  const PanelKernels<T>& kernel_;
  int64_t length_;
  int64_t side_;
};

// The same of a few long rows, X [side, length] in memory.
template <class T>
class ThinArithmetic {
 public:
  explicit ThinArithmetic(const BatchShape& shape) : length_(shape.length), side_(shape.side) {}

  void gram(const T* x, T* gram) const {
    multiply<T>(1, {x, length_}, {x, length_, true}, {side_, length_, side_}, 0, gram, side_);
  }

  void add_product(T scale, const T* a, const T* b, T* c) const {
    kernel_.add_small_product(side_, scale, a, b, c);
  }

  void add_applied(const T* x, const T* factor, T* y) const {
    multiply<T>(1, {factor, side_}, {x, length_}, {side_, side_, length_}, 1, y, length_);
  }

  void combine(T alpha, const T* x, T beta, const T* y, int64_t count, T* out) const {
    kernel_.combine(alpha, x, beta, y, count, out);
  }

 private:
  const PanelKernels<T>& kernel_ = panel_kernels<T>();
  int64_t length_;
  int64_t side_;
};

// The iteration on one matrix X of the batch, and the matrices that it is made in.
template <class T, class Arithmetic>
class Iteration {
 public:
  Iteration(const Arithmetic& arithmetic, const BatchShape& shape)
      : arithmetic_(arithmetic),
        length_(shape.length),
        side_(shape.side),
        size_(shape.side * shape.side),
        memory_(std::make_unique_for_overwrite<T[]>(static_cast<size_t>(kMatrices * size_))) {
    for (int i = 0; i < kMatrices; ++i) {
      matrices_[i] = memory_.get() + i * size_;
    }
  }

  // x and y are overwritten; returns the one that the result is in.
  T* run(const NewtonSchulzOptions& options, int64_t real_side, T* x, T* y) {
    for (int done = 0; done < options.steps;) {
      ShiftedMatrix<T> gram = gram_of(x, real_side);
      T scale = 1;
      if (done == 0) {  // ‖X‖² is the trace
        const T norm = std::sqrt(gram.identity * static_cast<T>(real_side));
        scale = 1 / (norm + static_cast<T>(kFrobeniusEps));
        gram.identity *= scale * scale;
        scale_by(scale * scale, gram.rest, size_);
      }
      const int steps = steps_of_block(options.steps - done);
      ShiftedMatrix<T> factor = factor_of_steps(options, done, steps, gram);
      if (done == 0) {
        factor.identity *= scale;
        scale_by(scale, factor.rest, size_);
      }
      apply(factor, x, y);
      std::swap(x, y);
      done += steps;
    }
    return x;
  }

 private:
  // How many steps share one Gram matrix: as many as keep small singular values' digits.
  static int steps_of_block(int left) { return std::min(left, left % 2 == 1 ? 3 : 2); }

  static void scale_by(T factor, T* x, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      x[i] *= factor;
    }
  }

  // Xᵀ X, with the mean of its diagonal as the multiple of the identity.
  ShiftedMatrix<T> gram_of(const T* x, int64_t real_side) {
    T* const gram = matrices_[kGram];
    arithmetic_.gram(x, gram);
    T trace = 0;
    for (int64_t i = 0; i < real_side; ++i) {
      trace += gram[i * side_ + i];
    }
    const T mean = trace / static_cast<T>(real_side);
    for (int64_t i = 0; i < side_; ++i) {
      gram[i * side_ + i] -= mean;
    }
    return {mean, gram};
  }

  // The product of `steps` polynomials a I + b A + c A², with A ← P A P after each. Destroys A.
  ShiftedMatrix<T> factor_of_steps(const NewtonSchulzOptions& options,
                                   int done,
                                   int steps,
                                   const ShiftedMatrix<T>& gram) {
    ShiftedMatrix<T> result;
    T* const e = gram.rest;
    T d = gram.identity;
    for (int step = 0; step < steps; ++step) {
      const auto& triple = coefficients_of_step(options, done + step);
      const T a = static_cast<T>(triple[0]);
      const T b = static_cast<T>(triple[1]);
      const T c = static_cast<T>(triple[2]);
      // With A = d I + E: P = p I + R, p = a + b d + c d², R = (b + 2 c d) E + c E².
      const T p = a + b * d + c * d * d;
      T* const r = matrices_[kPolynomial];
      T* const product = matrices_[kProduct];
      arithmetic_.combine(b + 2 * c * d, e, 0, e, size_, r);
      arithmetic_.add_product(c, e, e, r);
      if (step + 1 < steps) {
        // A P = d p I + W with W = p E + d R + E R, and P A P = d p² I + p W + d p R + R W.
        arithmetic_.combine(p, e, d, r, size_, product);
        arithmetic_.add_product(1, e, r, product);
        arithmetic_.combine(p, product, d * p, r, size_, e);
        arithmetic_.add_product(1, r, product, e);
        d *= p * p;
      }
      if (step == 0) {
        result.identity = p;
        std::swap(matrices_[kFactor], matrices_[kPolynomial]);
      } else {  // (p I + R) (identity · I + factor)
        arithmetic_.combine(p, matrices_[kFactor], result.identity, r, size_, product);
        arithmetic_.add_product(1, r, matrices_[kFactor], product);
        std::swap(matrices_[kFactor], matrices_[kProduct]);
        result.identity *= p;
      }
    }
    result.rest = matrices_[kFactor];
    return result;
  }

  void apply(const ShiftedMatrix<T>& factor, const T* x, T* y) {  // y = x factor
    arithmetic_.combine(factor.identity, x, 0, x, length_ * side_, y);
    arithmetic_.add_applied(x, factor.rest, y);
  }

  enum Matrix { kGram, kPolynomial, kProduct, kFactor, kMatrices };

  Arithmetic arithmetic_;
  int64_t length_;
  int64_t side_;
  int64_t size_;
  std::unique_ptr<T[]> memory_;
  T* matrices_[kMatrices] = {};
};

template <class T, class Arithmetic>
Tensor orthogonalise_batch(const Arithmetic& arithmetic,
                           const BatchShape& shape,
                           const Tensor& gradient,
                           const NewtonSchulzOptions& options) {
  const Tensor x = newton_schulz_panels::to_batch<T>(gradient, shape);
  const Tensor y = torch::empty_like(x);
  newton_schulz_panels::for_matrices(
      shape.count,
      [&](int64_t begin, int64_t end) {
        const int64_t size = shape.length * shape.side;
        Iteration<T, Arithmetic> iteration(arithmetic, shape);
        for (int64_t i = begin; i < end; ++i) {
          T* const one = x.data_ptr<T>() + i * size;
          T* const other = y.data_ptr<T>() + i * size;
          const T* const result = iteration.run(options, shape.real_side, one, other);
          if (result != other) {
            std::copy_n(result, size, other);
          }
        }
      },
      shape.wide);
  return newton_schulz_panels::from_batch(y, shape, gradient);
}

template <class T>
Tensor orthogonalise_as(const PanelKernels<T>& kernel,
                        const Tensor& gradient,
                        const NewtonSchulzOptions& options) {
  if (std::min(gradient.size(-2), gradient.size(-1)) < kernels::kPanelMultiple) {
    const BatchShape shape = newton_schulz_panels::wide_shape(gradient);
    return orthogonalise_batch<T>(ThinArithmetic<T>(shape), shape, gradient, options);
  }
  const BatchShape shape = newton_schulz_panels::tall_shape(gradient);
  return orthogonalise_batch<T>(PanelArithmetic<T>(kernel, shape), shape, gradient, options);
}

}  // namespace

bool multiplies_in_bfloat16(const Tensor& gradient, const NewtonSchulzOptions& options) {
  return options.precision == NewtonSchulzPrecision::kBfloat16Products &&
         gradient.scalar_type() != torch::kFloat64 && has_bfloat16_instructions() &&
         kernel_path() == KernelPath::kAvx512;
}

bool has_gram_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options) {
  return has_fused_kernels(gradient) && !fused::records_graph({gradient}) && options.steps > 0 &&
         gradient.numel() > 0 && options.precision != NewtonSchulzPrecision::kBfloat16 &&
         (gradient.scalar_type() != torch::kBFloat16 || multiplies_in_bfloat16(gradient, options));
}

Tensor orthogonalise_gram(const Tensor& gradient, const NewtonSchulzOptions& options) {
  if (gradient.scalar_type() == torch::kFloat64) {
    return orthogonalise_as<double>(panel_kernels<double>(), gradient, options);
  }
  return orthogonalise_as<float>(
      multiplies_in_bfloat16(gradient, options) ? kernels::kPanelsBfloat16 : panel_kernels<float>(),
      gradient,
      options);
}

}  // namespace parallax
