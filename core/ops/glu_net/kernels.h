// A gated linear unit trained on an image's tokens and applied to them, one image and head at a
// time, with only a block of tokens being worked on; compiled once per instruction set (see
// core/ops/elementwise/kernels.h).
#pragma once

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {

// Arguments for f(x) = (x W1) ⊙ silu(x W2), or x W1 without a gate, and one step on all tokens:
//   g1 = scale · kᵀ(v ⊙ silu(k W2)),  g2 = scale · kᵀ(v ⊙ k W1 ⊙ silu'(k W2)),
//   without a gate g1 = scale · kᵀ(v ⊙ k W1);
//   W ← W + sign · g, each column divided by its norm + 1 where normalised.
template <class S>
struct GluNet {
  std::int64_t images = 0;  // that share a head's initial weights
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  std::int64_t step_tokens = 0;  // that training reads at a time; 0: as many as fit the cache
  bool gated = true;
  bool trains_gate = true;
  bool normalised = true;
  Compute<S> scale = 1;
  Compute<S> sign = 1;
  const S* q = nullptr;  // [heads, images, tokens, width]
  const S* k = nullptr;
  const S* v = nullptr;
  const Compute<S>* w1 = nullptr;  // [heads, width, width]
  const Compute<S>* w2 = nullptr;
  Compute<S>* g1 = nullptr;  // [heads, images, width, width]
  Compute<S>* g2 = nullptr;
  S* out = nullptr;  // a head's columns in [images, tokens, out_stride]
  std::int64_t out_stride = 0;
  // backward pass, in which g1 and g2 are inputs
  const S* out_gradient = nullptr;  // as out
  S* q_gradient = nullptr;          // as q
  S* k_gradient = nullptr;
  S* v_gradient = nullptr;
  Compute<S>* w1_gradient = nullptr;  // [heads, images, width, width]
  Compute<S>* w2_gradient = nullptr;
};

// The kernels for one storage type.
template <class S>
struct GluNetKernels {
  // How many elements of scratch `forward` and `backward` need.
  std::int64_t (*scratch)(std::int64_t width);
  // Over pairs [begin, end) of heads and images.
  void (*forward)(const GluNet<S>&, std::int64_t begin, std::int64_t end, Compute<S>* scratch);
  void (*backward)(const GluNet<S>&, std::int64_t begin, std::int64_t end, Compute<S>* scratch);
};

// The kernels of one instruction set.
struct GluNetTables {
  GluNetKernels<float> f32;
  GluNetKernels<double> f64;
  GluNetKernels<BFloat16Bits> bf16;
};

extern const GluNetTables kGluNetPortable;
extern const GluNetTables kGluNetAvx2;
extern const GluNetTables kGluNetAvx512;

}  // namespace parallax::kernels
