// The steps of Newton–Schulz and their adjoints, on our GEMM kernels.
#include "core/ops/newton_schulz/newton_schulz_autograd.h"

#include "core/ops/newton_schulz/newton_schulz_gemm.h"
#include "core/ops/newton_schulz/newton_schulz_gram.h"

namespace parallax {
namespace {

using fused::AutogradContext;
using fused::variable_list;
using kernels::GemmKernels;
using newton_schulz_gemm::BatchShape;
using newton_schulz_gemm::product_with_symmetric;
using newton_schulz_gemm::symmetric_inner_product;
using newton_schulz_gemm::symmetric_product;

// What one step on one matrix keeps for its adjoint.
template <class T>
struct StepRecord {
  T* x;     // [length, side]
  T* gram;  // [side, side]
  T* p;     // [side, side]
};

// All steps and their adjoints on the matrices of a tape [matrices, steps, rows_of_record, side].
template <class T>
class Steps {
 public:
  Steps(const std::vector<double>& coefficients, const BatchShape& shape, const Tensor& tape)
      : coefficients_(coefficients), shape_(shape), tape_(tape.data_ptr<T>()) {}

  // The rows of a record: those of X, A and P, one after the other.
  static int64_t rows_of_record(const BatchShape& shape) { return shape.length + 2 * shape.side; }

  // Runs the steps on one matrix, from the X of its first record to `result`.
  void forward(int64_t matrix, T* result) const {
    for (int64_t step = 0; step < steps(); ++step) {
      const auto [x, gram, p] = record(matrix, step);
      const auto [a, b, c] = coefficients(step);
      T* const next = step + 1 < steps() ? record(matrix, step + 1).x : result;
      symmetric_inner_product<T>(kernel_, shape_, x, x, {}, gram);
      symmetric_product<T>(kernel_, shape_.side, c, gram, gram, {b, gram}, p);
      product_with_symmetric<T>(kernel_, shape_, 1, x, p, {a, x}, next);
    }
  }

  // Turns the gradient [length, side] of a matrix's result into that of its first X. The steps
  // alternate between the two arrays, so that it ends in `other` if their number is odd.
  void backward(int64_t matrix, T* gradient, T* other) const {
    AlignedVector<T> scratch(static_cast<size_t>(2 * square()));
    T* const s = scratch.data();
    T* const q = s + square();
    for (int64_t step = steps() - 1; step >= 0; --step) {
      const auto [x, gram, p] = record(matrix, step);
      const auto [a, b, c] = coefficients(step);
      symmetric_inner_product<T>(kernel_, shape_, x, gradient, {}, s);
      symmetric_inner_product<T>(kernel_, shape_, gradient, x, {1, s}, s);
      symmetric_product<T>(kernel_, shape_.side, c, s, gram, {b, s}, q);
      symmetric_product<T>(kernel_, shape_.side, c, gram, s, {1, q}, q);
      product_with_symmetric<T>(kernel_, shape_, 1, gradient, p, {a, gradient}, other);
      product_with_symmetric<T>(kernel_, shape_, 1, x, q, {1, other}, other);
      std::swap(gradient, other);
    }
  }

 private:
  int64_t steps() const { return static_cast<int64_t>(coefficients_.size()) / 3; }
  int64_t whole() const { return shape_.length * shape_.side; }
  int64_t square() const { return shape_.side * shape_.side; }

  std::array<T, 3> coefficients(int64_t step) const {
    const double* const triple = coefficients_.data() + 3 * step;
    return {static_cast<T>(triple[0]), static_cast<T>(triple[1]), static_cast<T>(triple[2])};
  }

  StepRecord<T> record(int64_t matrix, int64_t step) const {
    T* const start = tape_ + (matrix * steps() + step) * rows_of_record(shape_) * shape_.side;
    return {start, start + whole(), start + whole() + square()};
  }

  const GemmKernels<T>& kernel_ = gemm_kernels<T>();
  const std::vector<double>& coefficients_;  // a, b, c of each step
  const BatchShape& shape_;
  T* tape_;
};

template <class F>
auto with_precision(const Tensor& tensor, const F& f) {
  return tensor.scalar_type() == torch::kFloat64 ? f(double{}) : f(float{});
}

struct NewtonSchulzFunction : torch::autograd::Function<NewtonSchulzFunction> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& gradient,
                        const std::vector<double>& coefficients) {
    context->saved_data["coefficients"] = coefficients;
    return with_precision(gradient, [&](auto precision) {
      using T = decltype(precision);
      const BatchShape shape = newton_schulz_gemm::tall_shape(gradient);
      const Tensor x = newton_schulz_gemm::to_batch<T>(gradient, shape);
      const Tensor norm = x.flatten(1).norm(2, {1}, true).unsqueeze(-1);
      const Tensor tape = torch::empty({shape.count,
                                        static_cast<int64_t>(coefficients.size()) / 3,
                                        Steps<T>::rows_of_record(shape),
                                        shape.side},
                                       x.options());
      first_x(tape, shape).copy_(x / (norm + kFrobeniusEps));
      const Steps<T> steps(coefficients, shape, tape);
      newton_schulz_gemm::for_matrices(shape.count, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          steps.forward(i, x.data_ptr<T>() + i * shape.length * shape.side);
        }
      });
      context->save_for_backward({tape, norm});
      return newton_schulz_gemm::from_batch(x, shape, gradient);
    });
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    fused::refuse_second_derivative();
    const std::vector<double> coefficients = context->saved_data["coefficients"].toDoubleVector();
    const variable_list saved = context->get_saved_variables();
    const Tensor& tape = saved[0];
    const Tensor& norm = saved[1];
    const Tensor& outer = gradients[0];
    return with_precision(outer, [&](auto precision) -> variable_list {
      using T = decltype(precision);
      const BatchShape shape = newton_schulz_gemm::tall_shape(outer);
      const Tensor one = newton_schulz_gemm::to_batch<T>(outer, shape);
      const Tensor other = torch::empty_like(one);
      const Steps<T> steps(coefficients, shape, tape);
      newton_schulz_gemm::for_matrices(shape.count, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t offset = i * shape.length * shape.side;
          steps.backward(i, one.data_ptr<T>() + offset, other.data_ptr<T>() + offset);
        }
      });
      const Tensor& of_x = tape.size(1) % 2 == 1 ? other : one;
      return {newton_schulz_gemm::from_batch(
                  through_scale(of_x, first_x(tape, shape), norm), shape, outer),
              Tensor()};
    });
  }

 private:
  static Tensor first_x(const Tensor& tape, const BatchShape& shape) {
    return tape.select(1, 0).narrow(1, 0, shape.length);
  }

  // X = G / (‖G‖ + ε): dG = dX / (‖G‖ + ε) − X ⟨dX, X⟩ / ‖G‖; at G = 0 the norm has none.
  static Tensor through_scale(const Tensor& of_x, const Tensor& x, const Tensor& norm) {
    constexpr double kSmallestNorm = 1e-30;
    const Tensor along = (of_x * x).sum({1, 2}, true) / norm.clamp_min(kSmallestNorm);
    return of_x / (norm + kFrobeniusEps) - x * along;
  }
};

}  // namespace

bool has_autograd_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options) {
  return has_fused_kernels(gradient) && fused::requires_graph({gradient}) && options.steps > 0 &&
         gradient.numel() > 0 && options.precision != NewtonSchulzPrecision::kBfloat16 &&
         gradient.scalar_type() != torch::kBFloat16;
}

Tensor orthogonalise_autograd(const Tensor& gradient, const NewtonSchulzOptions& options) {
  std::vector<double> coefficients;
  for (int step = 0; step < options.steps; ++step) {
    const QuinticCoefficients& triple = coefficients_of_step(options, step);
    coefficients.insert(coefficients.end(), triple.begin(), triple.end());
  }
  return NewtonSchulzFunction::apply(gradient, coefficients);
}

}  // namespace parallax
