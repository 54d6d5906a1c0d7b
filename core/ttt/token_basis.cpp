// LAPACK's factorisations, Cholesky's in blocks between which our own products run.
#include "core/ttt/token_basis.h"

#include <ATen/ThreadLocalState.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

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
void spotrf_(const char* triangle, const int* rows, float* a, const int* stride, int* info);
void strsm_(const char* side,
            const char* triangle,
            const char* transpose,
            const char* unit_diagonal,
            const int* rows,
            const int* cols,
            const float* alpha,
            const float* a,
            const int* a_stride,
            float* b,
            const int* b_stride);
// Of MKL, where LibTorch's LAPACK is that: threads of calls from this thread; returns the former
// number.
int MKL_Set_Num_Threads_Local(int threads) __attribute__((weak));
}

namespace parallax {
namespace {

// On one of several threads of ours, MKL's QR would wait for threads of its own that this one
// cannot start: often for ever.
class OneLapackThread {
 public:
  OneLapackThread() : is_needed_(at::in_parallel_region() && MKL_Set_Num_Threads_Local != nullptr) {
    if (is_needed_) {
      before_ = MKL_Set_Num_Threads_Local(1);
    }
  }
  ~OneLapackThread() {
    if (is_needed_) {
      MKL_Set_Num_Threads_Local(before_);
    }
  }
  OneLapackThread(const OneLapackThread&) = delete;
  OneLapackThread& operator=(const OneLapackThread&) = delete;

 private:
  bool is_needed_;
  int before_ = 0;
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
        const OneLapackThread alone;
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
      2 * count >= at::get_num_threads());  // few: LAPACK has threads of its own
  return {q, r.transpose(-2, -1)};
}

// One matrix that becomes U | Q with Uᵀ U = x xᵀ and Uᵀ Q = x.
class CholeskyBasis {
 public:
  // Columns are those of U, filled up to panels, and of Q, the same; rows one after the other.
  CholeskyBasis(float* matrix, int64_t tokens, int64_t width)
      : matrix_(matrix),
        tokens_(tokens),
        first_of_q_(filled_panels(tokens)),
        cols_(first_of_q_ + filled_panels(width)),
        squares_(static_cast<size_t>(tokens)) {}

  // From x where Q is to be, and zeros beside and below it. False where tokens are too nearly
  // alike.
  bool make() {
    make_gram();
    constexpr int64_t kBlock = 64;
    for (int64_t i = 0; i < tokens_; i += kBlock) {
      const int64_t rows = std::min(kBlock, tokens_ - i);
      subtract_rows_above(i, rows);
      if (!factorise_block(i, rows)) {
        return false;
      }
    }
    for (int64_t i = 1; i < tokens_; ++i) {
      std::fill_n(at(i, 0), i, 0.0F);
    }
    return true;
  }

 private:
  float* at(int64_t row, int64_t col) const { return matrix_ + row * cols_ + col; }

  // x xᵀ, of numbers that bfloat16 holds.
  void make_gram() {
    const float* const x = at(0, first_of_q_);
    multiply_panels(kernels::kPanelsBfloat16,
                    kernels::PanelProduct<float>{.rows = first_of_q_,
                                                 .inner = cols_ - first_of_q_,
                                                 .cols = first_of_q_,
                                                 .a = x,
                                                 .a_row = cols_,
                                                 .a_inner = 1,
                                                 .b = x,
                                                 .b_stride = cols_,
                                                 .b_transposed = true,
                                                 .c = matrix_,
                                                 .c_stride = cols_,
                                                 .symmetric = true});
    for (int64_t i = 0; i < tokens_; ++i) {
      squares_[static_cast<size_t>(i)] = *at(i, i);
    }
  }

  void subtract_rows_above(int64_t row, int64_t rows) const {
    if (row == 0) {
      return;
    }
    multiply_panels(panel_kernels<float>(),
                    kernels::PanelProduct<float>{.rows = rows,
                                                 .inner = row,
                                                 .cols = cols_ - row,
                                                 .a = at(0, row),
                                                 .a_row = 1,
                                                 .a_inner = cols_,
                                                 .b = at(0, row),
                                                 .b_stride = cols_,
                                                 .c = at(row, row),
                                                 .c_stride = cols_,
                                                 .scale = -1,
                                                 .x = at(row, row),
                                                 .xy_stride = cols_});
  }

  // The block on the diagonal, and what is right of it. What is upper row by row is lower column by
  // column, as LAPACK reads it.
  bool factorise_block(int64_t row, int64_t rows) const {
    const int side = static_cast<int>(rows);
    const int stride = static_cast<int>(cols_);
    int info = 0;
    spotrf_("L", &side, at(row, row), &stride, &info);
    for (int64_t i = row; i < row + rows; ++i) {
      const float apart = *at(i, i) * *at(i, i);  // squared, from the tokens before
      const bool is_exact = info == 0 && std::isnormal(apart) &&
                            apart >= kLeastApart * squares_[static_cast<size_t>(i)];
      if (!is_exact) {
        return false;
      }
    }
    const int right = static_cast<int>(cols_ - row - rows);
    constexpr float kOne = 1;
    strsm_("R",
           "L",
           "T",
           "N",
           &right,
           &side,
           &kOne,
           at(row, row),
           &stride,
           at(row, row + rows),
           &stride);
    return true;
  }

  // Of a token's square. Rounding the sums takes a hundredth of this or less.
  static constexpr float kLeastApart = 1.0F / (1 << 12);

  float* matrix_;
  int64_t tokens_;
  int64_t first_of_q_;
  int64_t cols_;
  std::vector<float> squares_;  // of the tokens
};

}  // namespace

TokenBasis householder_basis(const Tensor& x, torch::Dtype dtype) {
  return dtype == torch::kFloat64 ? basis_of<double>(x) : basis_of<float>(x);
}

TokenBasis cholesky_basis(const Tensor& x) {
  const int64_t tokens = x.size(-2);
  const int64_t width = x.size(-1);
  const Tensor batch = x.reshape({-1, tokens, width});
  const int64_t rows = filled_panels(tokens);
  const Tensor both = torch::zeros({batch.size(0), rows, rows + filled_panels(width)},
                                   x.options().dtype(torch::kFloat32));
  const Tensor q = both.slice(1, 0, tokens).slice(2, rows, rows + width);
  const Tensor r = both.slice(1, 0, tokens).slice(2, 0, tokens);
  q.copy_(batch);
  const at::ThreadLocalState of_this_thread;
  newton_schulz_panels::for_matrices(batch.size(0), [&](int64_t begin, int64_t end) {
    const at::ThreadLocalStateGuard guard(of_this_thread);
    const OneLapackThread alone;
    for (int64_t i = begin; i < end; ++i) {
      CholeskyBasis basis(both[i].data_ptr<float>(), tokens, width);
      if (!basis.make()) {
        const TokenBasis exact = householder_basis(batch[i], torch::kFloat32);
        q[i].copy_(exact.q_transposed);
        r[i].copy_(exact.r);
      }
    }
  });
  std::vector<int64_t> r_sizes = x.sizes().vec();
  r_sizes.back() = tokens;
  return {q.reshape(x.sizes()), r.reshape(r_sizes)};
}

}  // namespace parallax
