// What the forms of Newton–Schulz share: how matrices lie in memory, and products by panels that
// leave symmetric ones.
#pragma once

#include <algorithm>

#include "core/ttt/panel_product.h"

namespace parallax::newton_schulz_panels {

// A batch of matrices X, each [length, side] in memory, of which real_side columns are in use; or,
// where `wide`, [side, length] without columns to spare.
struct BatchShape {
  int64_t count = 0;
  int64_t length = 0;
  int64_t real_side = 0;
  int64_t side = 0;
  bool wide = false;
  bool transposed = false;  // in memory, against the gradient
};

inline BatchShape tall_shape(const Tensor& gradient) {  // [..., rows, cols]
  const int64_t rows = gradient.size(-2);
  const int64_t cols = gradient.size(-1);
  const int64_t side = std::min(rows, cols);
  constexpr int64_t kMultiple = kernels::kPanelMultiple;
  return {.count = gradient.numel() / (rows * cols),
          .length = std::max(rows, cols),
          .real_side = side,
          .side = (side + kMultiple - 1) / kMultiple * kMultiple,
          .transposed = rows <= cols};
}

inline BatchShape wide_shape(const Tensor& gradient) {
  BatchShape shape = tall_shape(gradient);
  shape.side = shape.real_side;
  shape.wide = true;
  shape.transposed = !shape.transposed;
  return shape;
}

template <class T>
Tensor to_batch(const Tensor& gradient, const BatchShape& shape) {
  const auto dtype = std::is_same_v<T, double> ? torch::kFloat64 : torch::kFloat32;
  const Tensor from = gradient.reshape({shape.count, gradient.size(-2), gradient.size(-1)});
  const int64_t rows = shape.wide ? shape.side : shape.length;
  const int64_t cols = shape.wide ? shape.length : shape.side;
  const int64_t used = shape.wide ? cols : shape.real_side;
  const Tensor x = torch::empty({shape.count, rows, cols}, from.options().dtype(dtype));
  x.narrow(2, 0, used).copy_(shape.transposed ? from.transpose(1, 2) : from);
  if (used < cols) {
    x.narrow(2, used, cols - used).zero_();
  }
  return x;
}

// Back to the shape and the dtype of `like`.
inline Tensor from_batch(const Tensor& x, const BatchShape& shape, const Tensor& like) {
  const Tensor used = x.narrow(2, 0, shape.wide ? shape.length : shape.real_side);
  return (shape.transposed ? used.transpose(1, 2) : used)
      .to(like.scalar_type())
      .reshape(like.sizes());
}

// f(begin, end) over the matrices: whole ones to the threads where there are enough of them, or
// where `whole_only`; else the threads share each one's products.
template <class F>
void for_matrices(int64_t count, const F& f, bool whole_only = false) {
  const int64_t threads = at::get_num_threads();
  constexpr int64_t kEnough = 4;  // of them a thread: then a remainder leaves few threads idle
  if (whole_only || count % threads == 0 || count >= kEnough * threads) {
    at::parallel_for(0, count, 1, f);
  } else {
    f(0, count);
  }
}

// a b with a [side, inner] read in rows, or with its transpose [inner, side] in memory.
template <class T>
kernels::PanelProduct<T> panel_product(int64_t side, int64_t inner, const T* a, const T* b, T* c) {
  return {.rows = side,
          .inner = inner,
          .cols = side,
          .a = a,
          .a_row = inner,
          .a_inner = 1,
          .b = b,
          .b_stride = side,
          .c = c,
          .c_stride = side};
}

// c [side, side] ← aᵀ b, or that is added, where the whole is symmetric. a, b: [length, side].
template <class T>
void symmetric_inner_product(const kernels::PanelKernels<T>& kernel,
                             int64_t length,
                             int64_t side,
                             const T* a,
                             const T* b,
                             T* c,
                             bool add = false) {
  kernels::PanelProduct<T> product = panel_product(side, length, a, b, c);
  product.a_row = 1;
  product.a_inner = side;
  product.symmetric = true;
  product.add = add;
  multiply_panels(kernel, product);
}

// c ← c + scale · a b, where the whole is symmetric; all [side, side].
template <class T>
void add_symmetric_product(const kernels::PanelKernels<T>& kernel,
                           int64_t side,
                           T scale,
                           const T* a,
                           const T* b,
                           T* c) {
  kernels::PanelProduct<T> product = panel_product(side, side, a, b, c);
  product.scale = scale;
  product.add = true;
  product.symmetric = true;
  multiply_panels(kernel, product);
}

// y ← y + x p with x, y [length, side] and p [side, side].
template <class T>
void add_product(const kernels::PanelKernels<T>& kernel,
                 int64_t length,
                 int64_t side,
                 const T* x,
                 const T* p,
                 T* y) {
  kernels::PanelProduct<T> product = panel_product(side, side, x, p, y);
  product.rows = length;
  product.add = true;
  multiply_panels(kernel, product);
}

}  // namespace parallax::newton_schulz_panels
