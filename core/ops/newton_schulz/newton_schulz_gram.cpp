// The iteration on the Gram matrix: one triangle of each symmetric product, on our GEMM kernels;
// or, for matrices too thin for these, whole products.
#include "core/ops/newton_schulz/newton_schulz_gram.h"

#include <algorithm>
#include <cmath>

#include "core/ops/matmul/blas.h"
#include "core/ops/newton_schulz/newton_schulz_gemm.h"

namespace parallax {
namespace {

using kernels::GemmKernel;
using kernels::GemmKernels;
using newton_schulz_gemm::BatchShape;
using newton_schulz_gemm::SymmetricMatrix;
using newton_schulz_gemm::Terms;

// Too thin for the GEMM kernels.
bool is_thin(const Tensor& gradient) {
  return std::min(gradient.size(-2), gradient.size(-1)) < kernels::kTileMultiple;
}

// The matrix scale · (identity · I + rest).
template <class T>
struct ShiftedMatrix {
  T identity = 1;
  SymmetricMatrix<T> rest;
  T scale = 1;
};

// The iteration's operations on X and symmetric matrices [side, side], in the kernel's precision.
template <class T>
class GemmArithmetic {
 public:
  GemmArithmetic(const GemmKernel<T>& kernel, const BatchShape& shape)
      : kernel_(kernel), shape_(shape) {}

  bool takes_vnni() const { return kernel_.takes_vnni; }

  void gram(const T* x, const SymmetricMatrix<T>& gram) const {
    newton_schulz_gemm::symmetric_inner_product<T>(kernel_, shape_, x, x, {}, gram);
  }

  // c ← scale · a b + terms, for matrices that commute.
  void multiply(T scale,
                const SymmetricMatrix<T>& a,
                const SymmetricMatrix<T>& b,
                const Terms<T>& terms,
                const SymmetricMatrix<T>& c) const {
    newton_schulz_gemm::symmetric_product<T>(kernel_, shape_.side, scale, a, b, terms, c);
  }

  // y ← factor applied to x along its dimension `side`; x's other dimension is `length`.
  void apply(const ShiftedMatrix<T>& factor, const T* x, int64_t length, T* y) const {
    BatchShape shape = shape_;
    shape.length = length;
    newton_schulz_gemm::product_with_symmetric<T>(
        kernel_, shape, factor.scale, x, factor.rest, {factor.scale * factor.identity, x}, y);
  }

 private:
  const GemmKernel<T>& kernel_;
  BatchShape shape_;
};

// The same for a few long rows, X stored as [side, length].
template <class T>
class ThinArithmetic {
 public:
  explicit ThinArithmetic(const BatchShape& shape) : length_(shape.length), side_(shape.side) {}

  bool takes_vnni() const { return false; }

  void gram(const T* x, const SymmetricMatrix<T>& gram) const {
    parallax::multiply<T>(
        1, {x, length_}, {x, length_, true}, {side_, length_, side_}, 0, gram.numbers, side_);
  }

  void multiply(T scale,
                const SymmetricMatrix<T>& a,
                const SymmetricMatrix<T>& b,
                const Terms<T>& terms,
                const SymmetricMatrix<T>& c) const {
    kernel_.small_gemm({.rows = side_,
                        .a = a.numbers,
                        .b = b.numbers,
                        .c = c.numbers,
                        .scale = scale,
                        .x = terms.x,
                        .x_scale = terms.x_scale,
                        .y = terms.y,
                        .y_scale = terms.y_scale});
  }

  void apply(const ShiftedMatrix<T>& factor, const T* x, int64_t length, T* y) const {
    // Destroys the factor.
    T* const rest = factor.rest.numbers;
    for (int64_t i = 0; i < side_; ++i) {
      rest[i * side_ + i] += factor.identity;
    }
    parallax::multiply<T>(
        factor.scale, {rest, side_}, {x, length}, {side_, side_, length}, 0, y, length);
  }

 private:
  const GemmKernels<T>& kernel_ = gemm_kernels<T>();
  int64_t length_;
  int64_t side_;
};

// Sets element (i, i) of a VNNI-packed symmetric matrix, stored as in Gemm.
void set_diagonal_of_pairs(kernels::VnniPair* pairs, int64_t side, int64_t i, float number) {
  constexpr int64_t kStrip = kernels::kVnniColumns;
  const int64_t pair = (i / kStrip * (side / 2) + i / 2) * kStrip + i % kStrip;
  reinterpret_cast<uint16_t*>(pairs + pair)[i % 2] = c10::BFloat16(number).x;
}

// One matrix of the batch and where its result goes.
template <class T>
struct IterationCase {
  const T* x = nullptr;
  T* result = nullptr;  // as x
  // The matrix that the last factor is applied to instead of X [side, length]; null: X itself.
  const T* companion = nullptr;   // [side, companion_length]
  T* companion_result = nullptr;  // the same
  int64_t companion_length = 0;
};

// Runs the iteration on one matrix X after another, and holds its intermediate matrices.
template <class T, class Arithmetic>
class Iteration {
 public:
  Iteration(const Arithmetic& arithmetic, const BatchShape& shape)
      : arithmetic_(arithmetic),
        length_(shape.length),
        real_side_(shape.real_side),
        side_(shape.side),
        size_(shape.side * shape.side),
        memory_(static_cast<size_t>(kMatrices * size_ + shape.length * shape.side)),
        between_(memory_.data() + kMatrices * size_) {
    const int64_t pairs = arithmetic.takes_vnni() ? size_ / 2 : 0;
    pairs_.resize(static_cast<size_t>(kMatrices * pairs));
    for (int i = 0; i < kMatrices; ++i) {
      matrices_[i] = {memory_.data() + i * size_, pairs > 0 ? pairs_.data() + i * pairs : nullptr};
    }
  }

  void run(const NewtonSchulzOptions& options, const IterationCase<T>& c) {
    const T* x = c.x;
    for (int done = 0; done < options.steps;) {
      const int steps = steps_of_gram_block(options.steps - done);
      const ShiftedMatrix<T> factor = factor_of_block(options, done, steps, x);
      done += steps;
      if (done == options.steps && c.companion != nullptr) {
        arithmetic_.apply(factor, c.companion, c.companion_length, c.companion_result);
        break;
      }
      // Alternates, so that the last block writes the result.
      T* const y = is_even(blocks_of(options.steps - done) - (c.companion != nullptr ? 1 : 0))
                       ? c.result
                       : between_;
      arithmetic_.apply(factor, x, length_, y);
      x = y;
    }
    if (x == c.x) {
      std::copy_n(x, length_ * side_, c.result);
    }
  }

 private:
  static int blocks_of(int steps) {
    int blocks = 0;
    for (; steps > 0; ++blocks) {
      steps -= steps_of_gram_block(steps);
    }
    return blocks;
  }

  static bool is_even(int number) { return number % 2 == 0; }

  // Xᵀ X, with the mean of its diagonal as the multiple of the identity.
  ShiftedMatrix<T> gram_of(const T* x) {
    const SymmetricMatrix<T>& gram = matrices_[kGram];
    arithmetic_.gram(x, gram);
    T trace = 0;
    for (int64_t i = 0; i < real_side_; ++i) {
      trace += gram.numbers[i * side_ + i];
    }
    const T mean = trace / static_cast<T>(real_side_);
    for (int64_t i = 0; i < side_; ++i) {
      T& number = gram.numbers[i * side_ + i];
      number -= mean;
      if (gram.pairs != nullptr) {
        set_diagonal_of_pairs(gram.pairs, side_, i, static_cast<float>(number));
      }
    }
    return {mean, gram};
  }

  // Multiplies by 2^power, which is exact but for underflow.
  void scale_by_power(const SymmetricMatrix<T>& matrix, int power) const {
    const T scale = std::ldexp(T{1}, power);
    for (int64_t i = 0; i < size_; ++i) {
      matrix.numbers[i] *= scale;
    }
    for (int64_t i = 0; matrix.pairs != nullptr && i < size_; ++i) {
      uint16_t& bits = reinterpret_cast<uint16_t*>(matrix.pairs)[i];
      const c10::BFloat16 number(bits, c10::BFloat16::from_bits());
      bits = c10::BFloat16(static_cast<float>(number * scale)).x;
    }
  }

  // What `steps` steps multiply X by, including its initial scaling.
  ShiftedMatrix<T> factor_of_block(const NewtonSchulzOptions& options,
                                   int done,
                                   int steps,
                                   const T* x) {
    ShiftedMatrix<T> gram = gram_of(x);
    if (done > 0) {
      return factor_of_steps(options, done, steps, gram);
    }
    const T norm = std::sqrt(gram.identity * static_cast<T>(real_side_));  // ‖X‖² is the trace
    const T scale = 1 / (norm + static_cast<T>(kFrobeniusEps));
    gram.identity *= scale * scale;
    gram.scale = scale * scale;
    constexpr double kLargest = 1e6;  // norm whose fourth power is far from overflowing
    const bool is_extreme = norm > static_cast<T>(kLargest) || norm < static_cast<T>(1 / kLargest);
    if (is_extreme && gram.scale > 0) {
      const int power = std::ilogb(gram.scale);
      scale_by_power(gram.rest, power);
      gram.scale = std::ldexp(gram.scale, -power);
    }
    ShiftedMatrix<T> factor = factor_of_steps(options, done, steps, gram);
    factor.scale = scale;
    return factor;
  }

  // The product of `steps` polynomials a I + b A + c A², with A ← P A P after each, for A = d I + s
  // E. Destroys A.
  ShiftedMatrix<T> factor_of_steps(const NewtonSchulzOptions& options,
                                   int done,
                                   int steps,
                                   const ShiftedMatrix<T>& gram) {
    ShiftedMatrix<T> result;
    const SymmetricMatrix<T>& e = gram.rest;
    T d = gram.identity;
    T s = gram.scale;
    for (int step = 0; step < steps; ++step) {
      const auto& triple = coefficients_of_step(options, done + step);
      const T a = static_cast<T>(triple[0]);
      const T b = static_cast<T>(triple[1]);
      const T c = static_cast<T>(triple[2]);
      // P = p I + R, p = a + b d + c d², R = (b + 2 c d) s E + c s² E².
      const T p = a + b * d + c * d * d;
      const SymmetricMatrix<T> r = matrices_[kPolynomial];
      const SymmetricMatrix<T> product = matrices_[kProduct];
      arithmetic_.multiply(c * s * s, e, e, {(b + 2 * c * d) * s, e.numbers}, r);
      if (step + 1 < steps) {
        // A P = d p I + W with W = p s E + d R + s E R, and P A P = d p² I + p W + d p R + R W.
        arithmetic_.multiply(s, e, r, {p * s, e.numbers, d, r.numbers}, product);
        arithmetic_.multiply(1, r, product, {p, product.numbers, d * p, r.numbers}, e);
        d *= p * p;
        s = 1;
      }
      if (step == 0) {
        result.identity = p;
        std::swap(matrices_[kFactor], matrices_[kPolynomial]);
      } else {  // (p I + R) (identity · I + factor)
        const SymmetricMatrix<T>& factor = matrices_[kFactor];
        arithmetic_.multiply(
            1, r, factor, {p, factor.numbers, result.identity, r.numbers}, product);
        std::swap(matrices_[kFactor], matrices_[kProduct]);
        result.identity *= p;
      }
    }
    result.rest = matrices_[kFactor];
    return result;
  }

  enum Matrix { kGram, kPolynomial, kProduct, kFactor, kMatrices };

  Arithmetic arithmetic_;
  int64_t length_;
  int64_t real_side_;
  int64_t side_;
  int64_t size_;
  AlignedVector<T> memory_;
  T* between_;                              // X between blocks of steps
  AlignedVector<kernels::VnniPair> pairs_;  // the matrices VNNI-packed, if the kernel takes them
  SymmetricMatrix<T> matrices_[kMatrices];
};

// `companion` [..., side, its length] or null: the matrix that the last factor is applied to
// instead of X, replaced by the result. Only for X stored as [..., side, length]; broadcast over
// the leading dimensions that it lacks.
template <class T, class Arithmetic>
Tensor orthogonalise_batch(const Arithmetic& arithmetic,
                           const BatchShape& shape,
                           const Tensor& gradient,
                           const NewtonSchulzOptions& options,
                           Tensor* companion) {
  const Tensor x = newton_schulz_gemm::as_batch<T>(gradient, shape);
  const Tensor y = torch::empty(x.sizes(), x.options());
  Tensor companions;
  Tensor companion_results;
  if (companion != nullptr) {
    companions = companion->to(x.scalar_type()).contiguous();
    std::vector<int64_t> sizes = gradient.sizes().vec();
    sizes.back() = companions.size(-1);
    companion_results = torch::empty(sizes, x.options());
  }
  newton_schulz_gemm::for_matrices(
      shape.count,
      [&](int64_t begin, int64_t end) {
        Iteration<T, Arithmetic> iteration(arithmetic, shape);
        for (int64_t i = begin; i < end; ++i) {
          const int64_t offset = i * shape.length * shape.side;
          IterationCase<T> one{.x = x.data_ptr<T>() + offset, .result = y.data_ptr<T>() + offset};
          if (companion != nullptr) {
            one.companion_length = companions.size(-1);
            const int64_t size = shape.side * one.companion_length;
            one.companion = companions.data_ptr<T>() + i * size % companions.numel();
            one.companion_result = companion_results.data_ptr<T>() + i * size;
          }
          iteration.run(options, one);
        }
      },
      is_thin(gradient));
  if (companion != nullptr) {
    *companion = companion_results;
  }
  return newton_schulz_gemm::from_batch(y, shape, gradient);
}

template <class T>
Tensor orthogonalise_as(const GemmKernel<T>& kernel,
                        const Tensor& gradient,
                        const NewtonSchulzOptions& options,
                        Tensor* companion) {
  if (is_thin(gradient)) {
    const BatchShape shape = newton_schulz_gemm::wide_shape(gradient);
    return orthogonalise_batch<T>(ThinArithmetic<T>(shape), shape, gradient, options, companion);
  }
  const BatchShape shape = newton_schulz_gemm::batch_shape(gradient);
  return orthogonalise_batch<T>(
      GemmArithmetic<T>(kernel, shape), shape, gradient, options, companion);
}

Tensor orthogonalise_any(const Tensor& gradient,
                         const NewtonSchulzOptions& options,
                         Tensor* companion) {
  if (gradient.scalar_type() == torch::kFloat64) {
    return orthogonalise_as<double>(gemm_kernels<double>(), gradient, options, companion);
  }
  const GemmKernel<float>& kernel =
      multiplies_in_bfloat16(gradient, options) ? kernels::kGemmBfloat16 : gemm_kernels<float>();
  return orthogonalise_as<float>(kernel, gradient, options, companion);
}

}  // namespace

bool multiplies_in_bfloat16(const Tensor& gradient, const NewtonSchulzOptions& options) {
  return options.precision == NewtonSchulzPrecision::kBfloat16Products &&
         gradient.scalar_type() != torch::kFloat64 && has_bfloat16_gemm();
}

bool has_gram_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options) {
  return has_fused_kernels(gradient) && !fused::requires_graph({gradient}) && options.steps > 0 &&
         gradient.numel() > 0 && options.precision != NewtonSchulzPrecision::kBfloat16 &&
         (gradient.scalar_type() != torch::kBFloat16 || multiplies_in_bfloat16(gradient, options));
}

Tensor orthogonalise_gram(const Tensor& gradient, const NewtonSchulzOptions& options) {
  return orthogonalise_any(gradient, options, nullptr);
}

bool takes_last_factor(const Tensor& gradient, const Tensor& left) {
  const BatchShape shape = newton_schulz_gemm::batch_shape(gradient);
  return left.size(-1) <= gradient.size(-1) &&
         (is_thin(gradient) || (shape.wide && is_tile_multiple(left.size(-1))));
}

LowRankFactors orthogonalise_low_rank(const Tensor& gradient,
                                      const Tensor& left,
                                      const NewtonSchulzOptions& options) {
  Tensor companion = left;
  const Tensor right = orthogonalise_any(gradient, options, &companion);
  return {companion, right};
}

}  // namespace parallax
