// Helpers that the autograd functions around kernels share.
#pragma once

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/base/torch.h"
#include "core/ops/common/dispatch.h"
#include "core/ops/common/kernel_types.h"

namespace parallax::fused {

using kernels::Compute;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The table of the instruction set in use.
template <class Tables>
const Tables& select_table(const Tables& portable, const Tables& avx2, const Tables& avx512) {
  switch (kernel_path()) {
    case KernelPath::kAvx512:
      return avx512;
    case KernelPath::kAvx2:
      return avx2;
    default:
      return portable;
  }
}

// The part of an instruction set's table for storage type S.
template <class S, class Tables>
const auto& table_of(const Tables& tables) {
  if constexpr (std::is_same_v<S, double>) {
    return tables.f64;
  } else if constexpr (std::is_same_v<S, float>) {
    return tables.f32;
  } else {
    return tables.bf16;
  }
}

// Calls f with a value of the tensor's storage type.
template <class F>
void with_storage(const Tensor& tensor, F&& f) {
  switch (tensor.scalar_type()) {
    case torch::kFloat64:
      return f(double{});
    case torch::kBFloat16:
      return f(kernels::BFloat16Bits{});
    default:
      return f(float{});
  }
}

// The dtype of arithmetic on the tensor: float64 for float64, else float32.
inline torch::Dtype compute_dtype(const Tensor& tensor) {
  return tensor.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

// The tensor's memory; null for an undefined tensor.
template <class S>
S* data(const Tensor& tensor) {
  return tensor.defined() ? static_cast<S*>(tensor.data_ptr()) : nullptr;
}

// Autograd functions take tensors that may be missing as optional ones.
using OptionalTensor = std::optional<Tensor>;

// nullopt for an undefined tensor.
inline OptionalTensor as_optional(const Tensor& tensor) {
  return tensor.defined() ? OptionalTensor(tensor) : std::nullopt;
}

// The tensor, detached and dense, in the dtype of arithmetic on `like`; undefined stays undefined.
inline Tensor as_compute(const Tensor& tensor, const Tensor& like) {
  return tensor.defined() ? tensor.detach().to(compute_dtype(like)).contiguous() : Tensor();
}

// True where a graph is being recorded and one of the tensors needs a gradient.
inline bool requires_graph(std::initializer_list<Tensor> tensors) {
  return torch::GradMode::is_enabled() &&
         std::any_of(tensors.begin(), tensors.end(), [](const Tensor& t) {
           return t.defined() && t.requires_grad();
         });
}

// For the backward passes of functions that can be differentiated once: if asked to record a graph,
// they would silently leave out terms of the second derivative. Throws Error instead.
inline void refuse_second_derivative() {
  if (torch::GradMode::is_enabled()) {
    throw Error(ErrorParts{.what = "fused operators can be differentiated once",
                           .remedy = "PARALLAX_KERNELS=reference has second derivatives."});
  }
}

// The gradient, dense; zeros with the shape of `like` where it is undefined.
inline Tensor contiguous_or_zeros(const Tensor& gradient, const Tensor& like) {
  return gradient.defined() ? gradient.contiguous() : torch::zeros_like(like);
}

inline Tensor as_compute(const OptionalTensor& tensor, const Tensor& like) {
  return as_compute(tensor.value_or(Tensor()), like);
}

}  // namespace parallax::fused
