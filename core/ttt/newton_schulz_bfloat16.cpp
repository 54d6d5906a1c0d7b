// Products by LibTorch, whose oneDNN multiplies in bfloat16 at twice to three times float32's
// speed.
#include "core/ttt/newton_schulz_bfloat16.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "core/ttt/dispatch.h"
#include "core/ttt/fused_support.h"

namespace parallax {
namespace {

constexpr double kFrobeniusEps = 1e-7;
constexpr int64_t kPanel = 128;  // rows of a panel of a symmetric matrix

// LibTorch's threads know nothing of the caller's modes; tensors of one cannot be written in
// another.
class CallersMode {
 public:
  CallersMode() : inference_(c10::InferenceMode::is_enabled()) {}
  template <class F>
  void run(const F& f) const {
    const c10::InferenceMode mode(inference_);
    const torch::NoGradGuard no_grad;
    f();
  }

 private:
  bool inference_;
};

template <class F>
void for_each_panel(int64_t rows, int64_t panel, const F& f) {  // f(first row, number of rows)
  const int64_t count = (rows + panel - 1) / panel;
  const CallersMode mode;
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    mode.run([&] {
      for (int64_t index = begin; index < end; ++index) {
        // Long and short panels in turn, so that threads get equal shares.
        const int64_t i = index % 2 == 0 ? index / 2 : count - 1 - index / 2;
        f(i * panel, std::min(panel, rows - i * panel));
      }
    });
  });
}

// c = beta c + alpha a b, where that is symmetric: one triangle by panels, and its mirror image.
void symmetric_product(double beta,
                       const Tensor& c,
                       double alpha,
                       const Tensor& a,
                       const Tensor& b) {
  const int64_t n = c.size(0);
  const int64_t panel = n <= 2 * kPanel ? n : kPanel;  // mirroring small ones costs what it saves
  for_each_panel(n, panel, [&](int64_t first, int64_t count) {
    const int64_t end = first + count;
    Tensor block = c.narrow(0, first, count).narrow(1, 0, end);
    at::addmm_out(block, block, a.narrow(0, first, count), b.narrow(1, 0, end), beta, alpha);
  });
  for (int64_t first = panel; first < n; first += panel) {
    const int64_t count = std::min(panel, n - first);
    c.narrow(0, 0, first)
        .narrow(1, first, count)
        .copy_(c.narrow(0, first, count).narrow(1, 0, first).transpose(0, 1));
  }
}

// identity · I + rest, the identity apart: matrices that iterations bring near it keep their
// digits.
struct ShiftedMatrix {
  double identity = 1;
  Tensor rest;  // [n, n]
};

// What the steps' matrices are made in, all [n, n].
struct Work {
  double mean = 0;  // the Gram matrix is mean · I + gram
  Tensor gram, polynomial, product, factor, spare;
};

void make_gram(const Tensor& x, Work& work) {  // of x xᵀ
  const int64_t n = x.size(0);
  const double norm = at::linalg_vector_norm(x, 2, {}, false, torch::kFloat32).item<double>();
  // As bfloat16 holds it, so that taking it off the diagonal is exact.
  work.mean = static_cast<float>(c10::BFloat16(static_cast<float>(norm * norm) / n));
  work.gram.zero_().fill_diagonal_(-work.mean);
  symmetric_product(1, work.gram, 1, x, x.transpose(0, 1));
}

// out ← alpha x + beta y
void combine(double alpha, const Tensor& x, double beta, const Tensor& y, Tensor& out) {
  at::mul_out(out, x, torch::scalar_tensor(alpha));
  out.add_(y, beta);
}

// The product of `steps` polynomials a I + b A + c A², with A ← P A P after each. Destroys A.
ShiftedMatrix factor_of_steps(const NewtonSchulzOptions& options, int done, int steps, Work& work) {
  ShiftedMatrix result;
  for (int step = 0; step < steps; ++step) {
    const auto& [a, b, c] =
        options.coefficients.at(std::min<size_t>(done + step, options.coefficients.size() - 1));
    // With A = d I + E: P = p I + R, p = a + b d + c d², R = (b + 2 c d) E + c E².
    Tensor& e = work.gram;
    Tensor& r = work.polynomial;
    const double d = work.mean;
    const double p = a + b * d + c * d * d;
    r.copy_(e);
    symmetric_product(b + 2 * c * d, r, c, e, e);
    if (step + 1 < steps) {
      // A P = d p I + W with W = p E + d R + E R, and P A P = d p² I + p W + d p R + R W.
      combine(p, e, d, r, work.product);
      symmetric_product(1, work.product, 1, e, r);
      combine(p, work.product, d * p, r, e);
      symmetric_product(1, e, 1, r, work.product);
      work.mean = d * p * p;
    }
    if (step == 0) {
      result.identity = p;
      std::swap(work.factor, r);
    } else {
      combine(p, work.factor, result.identity, r, work.spare);
      symmetric_product(1, work.spare, 1, r, work.factor);
      std::swap(work.factor, work.spare);
      result.identity *= p;
    }
  }
  result.rest = work.factor;
  return result;
}

// x [n, length] ← q x, made in `other`, by panels of columns or, as x lies transposed, of its rows.
void apply_factor(const ShiftedMatrix& q, const Tensor& x, const Tensor& other) {
  const int64_t threads = at::get_num_threads();
  const int64_t panel = std::max<int64_t>(kPanel, (x.size(1) + threads - 1) / threads);
  for_each_panel(x.size(1), panel, [&](int64_t first, int64_t count) {
    Tensor part = other.narrow(1, first, count);
    const Tensor from = x.narrow(1, first, count);
    part.copy_(from);
    at::addmm_out(part, part, q.rest, from, q.identity, 1);
  });
}

// How many steps share one Gram matrix: as many as keep small singular values' digits.
int steps_of_block(int left) { return std::min(left, left % 2 == 1 ? 3 : 2); }

Tensor orthogonalise_one(const Tensor& scaled, const NewtonSchulzOptions& options, Work& work) {
  Tensor x = scaled;
  Tensor other = torch::empty_like(x);
  for (int done = 0; done < options.steps;) {
    const int steps = steps_of_block(options.steps - done);
    make_gram(x, work);
    apply_factor(factor_of_steps(options, done, steps, work), x, other);
    std::swap(x, other);
    done += steps;
  }
  return x;
}

}  // namespace

bool has_bfloat16_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options) {
  const auto dtype = gradient.scalar_type();
  return options.precision == NewtonSchulzPrecision::kBfloat16Products &&
         has_fused_kernels(gradient) && has_bfloat16_instructions() &&
         !fused::records_graph({gradient}) && options.steps > 0 && gradient.numel() > 0 &&
         (dtype == torch::kFloat32 || dtype == torch::kBFloat16);
}

Tensor orthogonalise_bfloat16(const Tensor& gradient, const NewtonSchulzOptions& options) {
  const int64_t rows = gradient.size(-2);
  const int64_t cols = gradient.size(-1);
  const Tensor from = gradient.reshape({-1, rows, cols});
  const Tensor norm = from.flatten(1).norm(2, {1}, true, torch::kFloat32) + kFrobeniusEps;
  const Tensor scaled = (from / norm.unsqueeze(2)).to(torch::kBFloat16).contiguous();
  const int64_t n = std::min(rows, cols);
  Tensor out = torch::empty(from.sizes(), gradient.options());
  const CallersMode mode;
  const auto orthogonalise_some = [&](int64_t begin, int64_t end) {
    const auto matrix = [&] { return torch::empty({n, n}, scaled.options()); };
    Work work{0, matrix(), matrix(), matrix(), matrix(), matrix()};
    for (int64_t i = begin; i < end; ++i) {
      const Tensor x = rows > cols ? scaled[i].transpose(0, 1) : scaled[i];
      const Tensor result = orthogonalise_one(x, options, work);
      out[i].copy_(rows > cols ? result.transpose(0, 1) : result);
    }
  };
  const auto run = [&](int64_t begin, int64_t end) {
    mode.run([&] { orthogonalise_some(begin, end); });
  };
  // Whole matrices to the threads where there are enough of them, else the threads share each one.
  if (from.size(0) % at::get_num_threads() == 0) {
    at::parallel_for(0, from.size(0), 1, run);
  } else {
    run(0, from.size(0));
  }
  return out.view(gradient.sizes());
}

}  // namespace parallax
