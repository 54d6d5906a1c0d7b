// Householder's QR of the tokens by LAPACK, the iteration on what is left.
#include "core/ttt/newton_schulz_product.h"

#include <algorithm>
#include <optional>
#include <type_traits>

#include "core/ttt/batched_product.h"
#include "core/ttt/newton_schulz_panels.h"

// LAPACK's interface, column-major, as LibTorch exports it.
extern "C" {
void sgeqrf_(const int* rows,
             const int* cols,
             float* a,
             const int* stride,
             float* tau,
             float* work,
             const int* work_size,
             int* info);
void dgeqrf_(const int* rows,
             const int* cols,
             double* a,
             const int* stride,
             double* tau,
             double* work,
             const int* work_size,
             int* info);
void sorgqr_(const int* rows,
             const int* cols,
             const int* reflectors,
             float* a,
             const int* stride,
             const float* tau,
             float* work,
             const int* work_size,
             int* info);
void dorgqr_(const int* rows,
             const int* cols,
             const int* reflectors,
             double* a,
             const int* stride,
             const double* tau,
             double* work,
             const int* work_size,
             int* info);
// Of MKL, where LibTorch's LAPACK is that: threads of calls from this thread; returns the former
// number.
int MKL_Set_Num_Threads_Local(int threads) __attribute__((weak));
}

namespace parallax {
namespace {

// MKL's QR would wait for threads of its own that a thread of ours cannot start: often for ever.
class OneLapackThread {
 public:
  OneLapackThread() : before_(set(1)) {}
  ~OneLapackThread() { set(before_); }
  OneLapackThread(const OneLapackThread&) = delete;
  OneLapackThread& operator=(const OneLapackThread&) = delete;

 private:
  static int set(int threads) {
    return MKL_Set_Num_Threads_Local != nullptr ? MKL_Set_Num_Threads_Local(threads) : 0;
  }

  int before_;
};

// xᵀ = Q R for x [..., tokens, width], tokens ≤ width.
struct TokenBasis {
  Tensor q_transposed;  // [..., tokens, width], orthonormal rows
  Tensor r_transposed;  // [..., tokens, tokens], lower triangular
};

template <class T>
void factorise(int width, int tokens, T* x, T* tau, T* work, int work_size) {
  int info = 0;
  if constexpr (std::is_same_v<T, double>) {
    dgeqrf_(&width, &tokens, x, &width, tau, work, &work_size, &info);
  } else {
    sgeqrf_(&width, &tokens, x, &width, tau, work, &work_size, &info);
  }
}

template <class T>
void form_basis(int width, int tokens, T* x, const T* tau, T* work, int work_size) {
  int info = 0;
  if constexpr (std::is_same_v<T, double>) {
    dorgqr_(&width, &tokens, &tokens, x, &width, tau, work, &work_size, &info);
  } else {
    sorgqr_(&width, &tokens, &tokens, x, &width, tau, work, &work_size, &info);
  }
}

// What is x row by row is xᵀ column by column, which is how LAPACK reads it.
template <class T>
TokenBasis basis_of(const Tensor& x) {
  const Tensor q = x.to(c10::CppTypeToScalarType<T>::value, false, true).contiguous();
  std::vector<int64_t> triangle_shape = q.sizes().vec();
  triangle_shape.back() = q.size(-2);
  const Tensor r = torch::zeros(triangle_shape, q.options());
  const auto tokens = static_cast<int>(q.size(-2));
  const auto width = static_cast<int>(q.size(-1));
  const int64_t count = q.numel() / (q.size(-2) * q.size(-1));
  constexpr int kBlock = 64;  // of LAPACK's blocked algorithms
  const int work_size = kBlock * std::max(tokens, 1);
  newton_schulz_panels::for_matrices(
      count,
      [&](int64_t begin, int64_t end) {
        std::optional<OneLapackThread> alone;
        if (at::in_parallel_region()) {
          alone.emplace();
        }
        std::vector<T> tau(static_cast<size_t>(tokens));
        std::vector<T> work(static_cast<size_t>(work_size));
        for (int64_t i = begin; i < end; ++i) {
          T* const one = q.data_ptr<T>() + i * tokens * width;
          T* const triangle = r.data_ptr<T>() + i * tokens * tokens;
          factorise(width, tokens, one, tau.data(), work.data(), work_size);
          for (int64_t j = 0; j < tokens; ++j) {
            std::copy_n(one + j * width, j + 1, triangle + j * tokens);
          }
          form_basis(width, tokens, one, tau.data(), work.data(), work_size);
        }
      },
      count > 1);  // one: LAPACK has threads of its own
  return {q, r};
}

}  // namespace

bool has_product_newton_schulz(const Tensor& left,
                               int64_t cols,
                               const NewtonSchulzOptions& options) {
  return has_fused_kernels(left) && options.steps > 0 && left.numel() > 0 &&
         options.precision != NewtonSchulzPrecision::kBfloat16 &&
         4 * left.size(-2) <= 3 * std::min(left.size(-1), cols);
}

std::vector<LeftAndRight> orthogonalise_factors(const Tensor& left,
                                                const std::vector<Tensor>& rights,
                                                const NewtonSchulzOptions& options,
                                                torch::Dtype dtype) {
  const auto [q, r] = dtype == torch::kFloat64 ? basis_of<double>(left) : basis_of<float>(left);
  std::vector<Tensor> of_rights;
  of_rights.reserve(rights.size());
  for (const Tensor& right : rights) {  // R right
    const auto factors =
        options.precision == NewtonSchulzPrecision::kBfloat16Products ? right.scalar_type() : dtype;
    of_rights.push_back(batched_product(
        r.to(factors).transpose(-2, -1), right.to(factors), {.result = dtype, .a_is_upper = true}));
  }
  const Tensor reduced = torch::stack(of_rights);
  std::vector<LeftAndRight> results;
  if (has_gram_newton_schulz(reduced, options) && takes_last_factor(reduced, q)) {
    const auto [lefts, orthogonal] = orthogonalise_beside(reduced, q, options);
    for (int64_t i = 0; i < reduced.size(0); ++i) {
      results.push_back({lefts[i], orthogonal[i]});
    }
  } else {
    for (const Tensor& orthogonal : orthogonalise(reduced, options).unbind(0)) {
      results.push_back({q, orthogonal});
    }
  }
  return results;
}

Tensor product_of_factors(const LeftAndRight& factors, const NewtonSchulzOptions& options) {
  const auto dtype = factors.right.scalar_type();
  const auto rounded = multiplies_in_bfloat16(factors.right, options) ? torch::kBFloat16 : dtype;
  return batched_product(
      factors.left.to(rounded).transpose(-2, -1), factors.right.to(rounded), {.result = dtype});
}

}  // namespace parallax
