// Matrix products on raw memory, for kernels whose matrices are too small for tensors of their own.
#pragma once

#include <cstdint>
#include <type_traits>

// The BLAS interface, column-major, as LibTorch exports it.
extern "C" {
void sgemm_(const char* transpose_a,
            const char* transpose_b,
            const int* rows,
            const int* cols,
            const int* inner,
            const float* alpha,
            const float* a,
            const int* a_stride,
            const float* b,
            const int* b_stride,
            const float* beta,
            float* c,
            const int* c_stride);
void dgemm_(const char* transpose_a,
            const char* transpose_b,
            const int* rows,
            const int* cols,
            const int* inner,
            const double* alpha,
            const double* a,
            const int* a_stride,
            const double* b,
            const int* b_stride,
            const double* beta,
            double* c,
            const int* c_stride);
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
void dtrsm_(const char* side,
            const char* triangle,
            const char* transpose,
            const char* unit_diagonal,
            const int* rows,
            const int* cols,
            const double* alpha,
            const double* a,
            const int* a_stride,
            double* b,
            const int* b_stride);
}

namespace parallax {

// A row-major operand: element (i, k) is at i · stride + k, or at k · stride + i if transposed.
template <class T>
struct Operand {
  const T* data = nullptr;
  int64_t stride = 0;
  bool transposed = false;
  const T* row(int64_t i) const { return data + (transposed ? i : i * stride); }
};

// The sizes of a product [rows, inner] · [inner, cols].
struct ProductShape {
  int64_t rows = 0;
  int64_t inner = 0;
  int64_t cols = 0;
};

// c [rows, cols] = alpha · a [rows, inner] · b [inner, cols] + beta c, all row-major; on one thread
// when called from a parallel region.
template <class T>
void multiply(T alpha,
              const Operand<T>& a,
              const Operand<T>& b,
              const ProductShape& shape,
              T beta,
              T* c,
              int64_t c_stride) {
  const int m = static_cast<int>(shape.cols);  // row-major: the column-major product of transposes
  const int n = static_cast<int>(shape.rows);
  const int k = static_cast<int>(shape.inner);
  const int lda = static_cast<int>(b.stride);
  const int ldb = static_cast<int>(a.stride);
  const int ldc = static_cast<int>(c_stride);
  const char* left = b.transposed ? "T" : "N";
  const char* right = a.transposed ? "T" : "N";
  if constexpr (std::is_same_v<T, float>) {
    sgemm_(left, right, &m, &n, &k, &alpha, b.data, &lda, a.data, &ldb, &beta, c, &ldc);
  } else {
    dgemm_(left, right, &m, &n, &k, &alpha, b.data, &lda, a.data, &ldb, &beta, c, &ldc);
  }
}

// b [rows, cols] ← U⁻ᵀ b with the upper triangle U of u [rows, rows], both row-major.
inline void solve_upper_transposed(const Operand<float>& u,
                                   int64_t rows,
                                   float* b,
                                   int64_t cols,
                                   int64_t b_stride) {
  const int m = static_cast<int>(cols);  // column-major: bᵀ ← bᵀ U⁻¹, and u is lower
  const int n = static_cast<int>(rows);
  const int ldu = static_cast<int>(u.stride);
  const int ldb = static_cast<int>(b_stride);
  constexpr float kOne = 1;
  strsm_("R", "L", "T", "N", &m, &n, &kOne, u.data, &ldu, b, &ldb);
}

// b [rows, cols] ← L⁻¹ b with the lower triangle L of l [rows, rows], its diagonal taken as ones,
// both row-major.
template <class T>
void solve_unit_lower(const Operand<T>& l, int64_t rows, T* b, int64_t cols, int64_t b_stride) {
  const int m = static_cast<int>(cols);  // column-major: bᵀ ← bᵀ L⁻ᵀ, and l is Lᵀ, upper
  const int n = static_cast<int>(rows);
  const int ldl = static_cast<int>(l.stride);
  const int ldb = static_cast<int>(b_stride);
  constexpr T kOne = 1;
  if constexpr (std::is_same_v<T, float>) {
    strsm_("R", "U", "N", "U", &m, &n, &kOne, l.data, &ldl, b, &ldb);
  } else {
    dtrsm_("R", "U", "N", "U", &m, &n, &kOne, l.data, &ldl, b, &ldb);
  }
}

}  // namespace parallax
