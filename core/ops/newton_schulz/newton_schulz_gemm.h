// Shared by the forms of Newton–Schulz: how matrices are stored, and GEMMs whose result or factor
// is symmetric.
#pragma once

#include <algorithm>

#include "core/ops/matmul/threaded_gemm.h"

namespace parallax::newton_schulz_gemm {

// How a batch of matrices X is stored: each as [length, side], of which real_side columns are in
// use and the others are zeros; or, if `wide`, as [side, length] without padding.
struct BatchShape {
  int64_t count = 0;
  int64_t length = 0;
  int64_t real_side = 0;
  int64_t side = 0;
  bool wide = false;
  bool transposed = false;  // relative to the gradient

  int64_t rows() const { return wide ? side : length; }
  int64_t cols() const { return wide ? length : side; }
  int64_t used_cols() const { return wide ? length : real_side; }
};

// The longer side as rows, the shorter padded to a multiple of the tile.
inline BatchShape tall_shape(const Tensor& gradient) {  // [..., rows, cols]
  const int64_t rows = gradient.size(-2);
  const int64_t cols = gradient.size(-1);
  const int64_t side = std::min(rows, cols);
  return {.count = gradient.numel() / (rows * cols),
          .length = std::max(rows, cols),
          .real_side = side,
          .side = round_up_to_tile(side),
          .transposed = rows <= cols};
}

// The shorter side as rows, nothing padded.
inline BatchShape wide_shape(const Tensor& gradient) {
  BatchShape shape = tall_shape(gradient);
  shape.side = shape.real_side;
  shape.wide = true;
  shape.transposed = !shape.transposed;
  return shape;
}

// The layout in which the gradient is stored, if the GEMM kernels take it; else tall_shape().
inline BatchShape batch_shape(const Tensor& gradient) {
  const bool tall = gradient.size(-2) >= gradient.size(-1);
  if (!is_tile_multiple(gradient.size(-1)) || !(tall || is_tile_multiple(gradient.size(-2)))) {
    return tall_shape(gradient);
  }
  BatchShape shape = tall ? tall_shape(gradient) : wide_shape(gradient);
  shape.transposed = false;
  return shape;
}

// The dtype of T, which is float or double.
template <class T>
constexpr torch::Dtype kDtype = std::is_same_v<T, double> ? torch::kFloat64 : torch::kFloat32;

// The gradient in this layout.
template <class T>
Tensor to_batch(const Tensor& gradient, const BatchShape& shape) {  // a copy
  const Tensor from = gradient.reshape({shape.count, gradient.size(-2), gradient.size(-1)});
  const Tensor x =
      torch::empty({shape.count, shape.rows(), shape.cols()}, from.options().dtype(kDtype<T>));
  const int64_t used = shape.used_cols();
  x.narrow(2, 0, used).copy_(shape.transposed ? from.transpose(1, 2) : from);
  if (used < shape.cols()) {
    x.narrow(2, used, shape.cols() - used).zero_();
  }
  return x;
}

// The same, copied only if the gradient is stored in another layout.
template <class T>
Tensor as_batch(const Tensor& gradient, const BatchShape& shape) {
  if (shape.transposed || shape.used_cols() < shape.cols() || gradient.scalar_type() != kDtype<T>) {
    return to_batch<T>(gradient, shape);
  }
  return gradient.reshape({shape.count, shape.rows(), shape.cols()}).contiguous();
}

// The reverse, in the shape and the dtype of `like`.
inline Tensor from_batch(const Tensor& x, const BatchShape& shape, const Tensor& like) {
  const Tensor used = x.narrow(2, 0, shape.used_cols());
  return (shape.transposed ? used.transpose(1, 2) : used)
      .to(like.scalar_type())
      .reshape(like.sizes());
}

// Calls f(begin, end) over the matrices: whole ones on each thread if there are enough of them or
// `whole_only`; else f(0, count), and the threads share the products of each.
template <class F>
void for_matrices(int64_t count, const F& f, bool whole_only = false) {
  if (whole_only || fused::divides_evenly(count, at::get_num_threads())) {
    at::parallel_for(0, count, 1, f);
  } else {
    f(0, count);
  }
}

// The terms x_scale · x + y_scale · y that are added to a product; x and y have the result's shape.
template <class T>
struct Terms {
  T x_scale = 0;
  const T* x = nullptr;
  T y_scale = 0;
  const T* y = nullptr;
};

// A symmetric matrix [side, side], for the products below.
template <class T>
struct SymmetricMatrix {
  SymmetricMatrix(T* of_numbers = nullptr, kernels::VnniPair* of_pairs = nullptr)
      : numbers(of_numbers), pairs(of_pairs) {}

  T* numbers;
  // For kernels with takes_vnni: the VNNI-packed matrix, which they read instead of `numbers`; the
  // latter is then not valid above the diagonal's tiles.
  kernels::VnniPair* pairs;
};

// The product plus the terms, all row-major and dense.
template <class T>
void multiply_with_terms(const kernels::GemmKernel<T>& kernel,
                         kernels::Gemm<T> product,
                         const Terms<T>& terms) {
  product.c_stride = product.cols;
  product.xy_stride = product.cols;
  product.x = terms.x;
  product.x_scale = terms.x_scale;
  product.y = terms.y;
  product.y_scale = terms.y_scale;
  threaded_gemm(kernel, product);
}

// c [side, side] ← aᵀ b (a bᵀ if the shape is wide) + terms. The result must be symmetric; if it is
// accumulated in several calls, that of the last one.
template <class T>
void symmetric_inner_product(const kernels::GemmKernel<T>& kernel,
                             const BatchShape& shape,
                             const T* a,
                             const T* b,
                             const Terms<T>& terms,
                             const SymmetricMatrix<T>& c) {
  multiply_with_terms(kernel,
                      {.rows = shape.side,
                       .inner = shape.length,
                       .cols = shape.side,
                       .a = a,
                       .a_row = shape.wide ? shape.length : 1,
                       .a_inner = shape.wide ? 1 : shape.side,
                       .b = b,
                       .b_stride = shape.cols(),
                       .b_transposed = shape.wide,
                       .c = c.numbers,
                       .symmetric = true,
                       .c_vnni = c.pairs},
                      terms);
}

// c ← scale · a b + terms, symmetric, too; all [side, side].
template <class T>
void symmetric_product(const kernels::GemmKernel<T>& kernel,
                       int64_t side,
                       T scale,
                       const SymmetricMatrix<T>& a,
                       const SymmetricMatrix<T>& b,
                       const Terms<T>& terms,
                       const SymmetricMatrix<T>& c) {
  multiply_with_terms(kernel,
                      {.rows = side,
                       .inner = side,
                       .cols = side,
                       .a = a.numbers,
                       .a_row = side,
                       .a_inner = 1,
                       .b = b.numbers,
                       .b_stride = side,
                       .c = c.numbers,
                       .scale = scale,
                       .symmetric = true,
                       .a_vnni = a.pairs,
                       .b_vnni = b.pairs,
                       .c_vnni = c.pairs},
                      terms);
}

// y ← scale · x p (p x if the shape is wide) + terms, with a symmetric p [side, side].
template <class T>
void product_with_symmetric(const kernels::GemmKernel<T>& kernel,
                            const BatchShape& shape,
                            T scale,
                            const T* x,
                            const SymmetricMatrix<T>& p,
                            const Terms<T>& terms,
                            T* y) {
  multiply_with_terms(kernel,
                      {.rows = shape.rows(),
                       .inner = shape.side,
                       .cols = shape.cols(),
                       .a = shape.wide ? p.numbers : x,
                       .a_row = shape.side,
                       .a_inner = 1,
                       .b = shape.wide ? x : p.numbers,
                       .b_stride = shape.cols(),
                       .c = y,
                       .scale = scale,
                       .a_vnni = shape.wide ? p.pairs : nullptr,
                       .b_vnni = shape.wide ? nullptr : p.pairs},
                      terms);
}

}  // namespace parallax::newton_schulz_gemm
