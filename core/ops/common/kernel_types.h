// Types that CPU and CUDA kernels share. Includes no library, like the sources that are compiled
// for one instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ops/common/device.h"

namespace parallax::kernels {

// A bfloat16 value as it is stored.
struct BFloat16Bits {
  std::uint16_t bits;
};

// The type of arithmetic on elements stored as S: double for double, else float.
template <class S>
struct ComputeOf {
  using Type = float;
};
template <>
struct ComputeOf<double> {
  using Type = double;
};
// The type of arithmetic on elements stored as S.
template <class S>
using Compute = typename ComputeOf<S>::Type;

// Arguments for h = silu(a) ⊙ m, its rows scaled by a rate, and for its backward pass; all [rows,
// width].
template <class S>
struct SwiGlu {
  std::int64_t width = 0;
  const S* a = nullptr;
  const S* m = nullptr;
  const Compute<S>* rate = nullptr;  // [rows]; null: 1
  S* h = nullptr;
  const S* h_gradient = nullptr;
  S* a_gradient = nullptr;
  S* m_gradient = nullptr;
  Compute<S>* rate_gradient = nullptr;  // [rows]; null where there is no rate
};

// Arguments for the backward pass of the inner net f(k) = (silu(a) ⊙ m) W1, and for the gradient of
// that pass; all [rows, width], rates [rows] or null.
template <class S>
struct InnerGradients {
  std::int64_t width = 0;
  const S* a = nullptr;
  const S* m = nullptr;
  const S* dh = nullptr;
  const Compute<S>* lr0 = nullptr;
  const Compute<S>* lr1 = nullptr;
  const Compute<S>* lr2 = nullptr;
  S* h = nullptr;   // silu(a) ⊙ m · lr1
  S* da = nullptr;  // dh ⊙ m ⊙ silu'(a) · lr0
  S* dm = nullptr;  // dh ⊙ silu(a) · lr2
  const S* h_gradient = nullptr;
  const S* da_gradient = nullptr;
  const S* dm_gradient = nullptr;
  S* a_gradient = nullptr;
  S* m_gradient = nullptr;
  S* dh_gradient = nullptr;
  Compute<S>* lr0_gradient = nullptr;
  Compute<S>* lr1_gradient = nullptr;
  Compute<S>* lr2_gradient = nullptr;
};

}  // namespace parallax::kernels
