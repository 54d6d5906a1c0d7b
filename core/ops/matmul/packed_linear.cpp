// LibTorch reaches oneDNN's prepacked products by operators that its compiler emits; they have no
// C++ functions and are called by name.
#include "core/ops/matmul/packed_linear.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "core/ops/common/autograd_support.h"

namespace parallax {
namespace {

using fused::OptionalTensor;
using MaybeScalars = c10::List<std::optional<at::Scalar>>;
using LinearSignature = Tensor(const Tensor&,
                               const Tensor&,
                               const OptionalTensor&,
                               c10::string_view,
                               MaybeScalars,
                               std::optional<c10::string_view>);
using ReorderSignature = Tensor(const Tensor&, std::optional<c10::SymInt>);

const auto& linear_operator() {
  static const auto found = c10::Dispatcher::singleton()
                                .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
                                .typed<LinearSignature>();
  return found;
}

const auto& reorder_operator() {
  static const auto found = c10::Dispatcher::singleton()
                                .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
                                .typed<ReorderSignature>();
  return found;
}

bool has_operators() {
  static const bool found =
      at::globalContext().userEnabledMkldnn() &&
      c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""}).has_value() &&
      c10::Dispatcher::singleton().findSchema({"mkldnn::_reorder_linear_weight", ""}).has_value();
  return found;
}

bool can_pack(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const auto dtype = x.scalar_type();
  // Without AVX-512 oneDNN has no products in bfloat16.
  return has_fused_kernels(x) && !fused::requires_graph({x, weight, bias}) &&
         !weight.is_inference() && dtype == weight.scalar_type() &&
         (!bias.defined() || bias.scalar_type() == dtype) &&
         (dtype == torch::kFloat32 ||
          (dtype == torch::kBFloat16 && kernel_path() == KernelPath::kAvx512)) &&
         !at::autocast::is_autocast_enabled(at::kCPU) && x.numel() > 0 && has_operators();
}

}  // namespace

Tensor PackedLinear::packed(const Tensor& weight, int64_t rows) const {
  const auto version = static_cast<int64_t>(weight._version());
  const std::lock_guard lock(mutex_);
  const bool same = packed_from_.defined() && packed_from_.data_ptr() == weight.data_ptr() &&
                    packed_from_.scalar_type() == weight.scalar_type() &&
                    packed_from_.sizes() == weight.sizes() && packed_version_ == version;
  if (!same) {
    packed_from_ = weight.detach();
    packed_ = reorder_operator().call(packed_from_, c10::SymInt(rows));
    packed_version_ = version;
  }
  return packed_;
}

Tensor PackedLinear::operator()(const Tensor& x,
                                const Tensor& weight,
                                const Tensor& bias,
                                Activation activation) const {
  const bool gelu = activation == Activation::kGelu;
  if (!can_pack(x, weight, bias)) {
    const Tensor y = torch::linear(x, weight, bias);
    return gelu ? torch::gelu(y) : y;
  }
  const torch::NoGradGuard no_grad;
  return linear_operator().call(x,
                                packed(weight, x.numel() / x.size(-1)),
                                bias.defined() ? OptionalTensor(bias) : std::nullopt,
                                gelu ? "gelu" : "none",
                                MaybeScalars(),
                                gelu ? "none" : "");
}

}  // namespace parallax
