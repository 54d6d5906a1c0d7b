// Element-wise kernels on raw rows, compiled once per instruction set. Sources that are compiled
// with wider instructions than the rest of the program include nothing else, so that no inline
// function of a library ends up in a form that an older processor cannot run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {

// Arguments for w = main + sign · step, and for w's columns scaled to the given norms: w / (‖w‖ +
// eps) · norm; matrices are [count, rows, cols].
template <class T>
struct AddStep {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const T* main = nullptr;
  const T* step = nullptr;  // null: 0
  T sign = 1;
  const T* norms = nullptr;  // [count, cols]
  T eps = 0;
  T smallest_square = 0;  // lower bound of a squared norm
  T* sum = nullptr;       // w; may be the same memory as `weight`
  T* weight = nullptr;
};

// Arguments for y = gelu(x) = x Φ(x), exact, and for its backward pass; all dense.
template <class S>
struct Gelu {
  const S* x = nullptr;
  S* y = nullptr;
  const S* y_gradient = nullptr;
  S* x_gradient = nullptr;
};

inline constexpr std::int64_t kColumnBlock = 256;  // columns that add_step processes at a time

// The kernels for one storage type, over rows [begin, end); for the head kernels these are the
// tokens of the whole batch. `scratch` has 2 · width elements. Weight gradients [parts, width] are
// added to what is there.
template <class S>
struct ElementwiseKernels {
  void (*split_heads)(const SplitHeads<S>&, std::int64_t begin, std::int64_t end);
  void (*split_heads_backward)(const SplitHeads<S>&,
                               std::int64_t begin,
                               std::int64_t end,
                               Compute<S>* scratch,
                               Compute<S>* weight_gradient);
  void (*merge_heads)(const MergeHeads<S>&, std::int64_t begin, std::int64_t end);
  void (*merge_heads_backward)(const MergeHeads<S>&,
                               std::int64_t begin,
                               std::int64_t end,
                               Compute<S>* weight_gradient);
  void (*swiglu)(const SwiGlu<S>&, std::int64_t begin, std::int64_t end);
  void (*swiglu_backward)(const SwiGlu<S>&, std::int64_t begin, std::int64_t end);
  // Over elements [begin, end).
  void (*gelu)(const Gelu<S>&, std::int64_t begin, std::int64_t end);
  void (*gelu_backward)(const Gelu<S>&, std::int64_t begin, std::int64_t end);
  void (*inner_gradients)(const InnerGradients<S>&, std::int64_t begin, std::int64_t end);
  void (*inner_gradients_backward)(const InnerGradients<S>&, std::int64_t begin, std::int64_t end);
  // Over blocks [begin, end) of kColumnBlock columns, counted matrix by matrix.
  void (*add_step)(const AddStep<Compute<S>>&, std::int64_t begin, std::int64_t end);
};

// The kernels of one instruction set.
struct ElementwiseTables {
  ElementwiseKernels<float> f32;
  ElementwiseKernels<double> f64;
  ElementwiseKernels<BFloat16Bits> bf16;
};

extern const ElementwiseTables kElementwisePortable;
extern const ElementwiseTables kElementwiseAvx2;
extern const ElementwiseTables kElementwiseAvx512;

}  // namespace parallax::kernels
