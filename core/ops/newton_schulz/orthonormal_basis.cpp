// LAPACK's factorisations; Cholesky's in blocks, between which our own products run.
#include "core/ops/newton_schulz/orthonormal_basis.h"

#include <ATen/ThreadLocalState.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/ops/matmul/blas.h"
#include "core/ops/matmul/lapack.h"
#include "core/ops/newton_schulz/newton_schulz_gemm.h"

namespace parallax {
namespace {

// x in row-major order is xᵀ in column-major order, which is how LAPACK reads it.
template <class T>
OrthonormalBasis basis_of(const Tensor& x) {
  const Tensor q = x.to(c10::CppTypeToScalarType<T>::value, false, true).contiguous();
  std::vector<int64_t> triangle_shape = q.sizes().vec();
  triangle_shape.back() = q.size(-2);
  const Tensor r = torch::zeros(triangle_shape, q.options());
  const auto tokens = static_cast<int>(q.size(-2));
  const auto width = static_cast<int>(q.size(-1));
  const int64_t count = q.numel() / (q.size(-2) * q.size(-1));
  constexpr int kBlock = 64;  // of LAPACK's blocked algorithms
  const int work_size = kBlock * std::max(tokens, 1);
  newton_schulz_gemm::for_matrices(
      count,
      [&](int64_t begin, int64_t end) {
        const ScopedSingleThreadedLapack alone;
        std::vector<T> tau(static_cast<size_t>(tokens));
        std::vector<T> work(static_cast<size_t>(work_size));
        for (int64_t i = begin; i < end; ++i) {
          T* const one = q.data_ptr<T>() + i * tokens * width;
          T* const triangle = r.data_ptr<T>() + i * tokens * tokens;
          lapack::qr(width, tokens, one, tau.data(), work.data(), work_size);
          for (int64_t j = 0; j < tokens; ++j) {
            std::copy_n(one + j * width, j + 1, triangle + j * tokens);
          }
          lapack::form_q(width, tokens, one, tau.data(), work.data(), work_size);
        }
      },
      2 * count >= at::get_num_threads());  // for few, LAPACK uses threads of its own
  return {q, r.transpose(-2, -1)};
}

// A matrix that becomes U | Q with Uᵀ U = x xᵀ and Uᵀ Q = x.
class CholeskyBasis {
 public:
  // Row-major; its columns are those of U, padded to a multiple of the tile, then those of Q,
  // likewise.
  CholeskyBasis(float* matrix, int64_t tokens, int64_t width)
      : matrix_(matrix),
        tokens_(tokens),
        first_of_q_(round_up_to_tile(tokens)),
        cols_(first_of_q_ + round_up_to_tile(width)),
        squares_(static_cast<size_t>(tokens)) {}

  // Starts with x in place of Q, and zeros elsewhere. Returns false if tokens are too nearly alike.
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

  // x xᵀ, exact products, as the elements of x are bfloat16 values.
  void make_gram() {
    const float* const x = at(0, first_of_q_);
    threaded_gemm(kernels::kGemmBfloat16,
                  kernels::Gemm<float>{.rows = first_of_q_,
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
    threaded_gemm(gemm_kernels<float>(),
                  kernels::Gemm<float>{.rows = rows,
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

  // Factorises the block on the diagonal and solves for what is right of it.
  bool factorise_block(int64_t row, int64_t rows) const {
    if (!lapack::cholesky(static_cast<int>(rows), at(row, row), static_cast<int>(cols_))) {
      return false;
    }
    for (int64_t i = row; i < row + rows; ++i) {
      const float apart = *at(i, i) * *at(i, i);  // squared distance from the tokens before
      if (!std::isnormal(apart) || !(apart >= kLeastApart * squares_[static_cast<size_t>(i)])) {
        return false;
      }
    }
    solve_upper_transposed(
        {at(row, row), cols_}, rows, at(row, row + rows), cols_ - row - rows, cols_);
    return true;
  }

  // Relative to a token's squared length; errors from rounding the sums are a hundredth of this or
  // less.
  static constexpr float kLeastApart = 1.0F / (1 << 12);

  float* matrix_;
  int64_t tokens_;
  int64_t first_of_q_;
  int64_t cols_;
  std::vector<float> squares_;  // squared lengths of the tokens
};

}  // namespace

OrthonormalBasis householder_basis(const Tensor& x, torch::Dtype dtype) {
  return dtype == torch::kFloat64 ? basis_of<double>(x) : basis_of<float>(x);
}

OrthonormalBasis cholesky_basis(const Tensor& x) {
  const int64_t tokens = x.size(-2);
  const int64_t width = x.size(-1);
  const Tensor batch = x.reshape({-1, tokens, width});
  const int64_t rows = round_up_to_tile(tokens);
  const Tensor both = torch::zeros({batch.size(0), rows, rows + round_up_to_tile(width)},
                                   x.options().dtype(torch::kFloat32));
  const Tensor q = both.slice(1, 0, tokens).slice(2, rows, rows + width);
  const Tensor r = both.slice(1, 0, tokens).slice(2, 0, tokens);
  q.copy_(batch);
  const at::ThreadLocalState of_this_thread;
  newton_schulz_gemm::for_matrices(batch.size(0), [&](int64_t begin, int64_t end) {
    const at::ThreadLocalStateGuard guard(of_this_thread);
    const ScopedSingleThreadedLapack alone;
    for (int64_t i = begin; i < end; ++i) {
      CholeskyBasis basis(both[i].data_ptr<float>(), tokens, width);
      if (!basis.make()) {
        const OrthonormalBasis exact = householder_basis(batch[i], torch::kFloat32);
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
