// Layers in LibTorch operations and repacked products.
#include "vision/models/layers.h"

#include "core/ops/cuda/lt_matmul.h"
#include "core/ops/linear/trained_linear.h"

namespace parallax {
namespace {

constexpr double kBatchNormEps = 1e-5;
constexpr double kBatchNormMomentum = 0.1;

}  // namespace

Linear::Linear(int64_t in, int64_t out, bool with_bias)
    : weight_(register_parameter("weight", torch::zeros({out, in}))) {
  if (with_bias) {
    bias_ = register_parameter("bias", torch::zeros({out}));
  }
}

Tensor Linear::forward(const Tensor& x, Activation activation) const {
  if (activation == Activation::kGelu && cuda::takes_gelu_linear(x, weight_, bias_)) {
    return cuda::gelu_linear(x, weight_, bias_);
  }
  return can_train_linear(x, weight_, bias_) ? trained_linear(x, weight_, bias_, activation)
                                             : linear_(x, weight_, bias_, activation);
}

Tensor Linear::add_to(const Tensor& addend, const Tensor& x) const {
  return cuda::takes_lt_linear(x, weight_, bias_, addend)
             ? cuda::lt_linear(x, weight_, bias_, addend)
             : addend + forward(x);
}

LayerNorm::LayerNorm(int64_t dim, double eps, bool with_bias)
    : weight_(register_parameter("weight", torch::ones({dim}))), eps_(eps) {
  if (with_bias) {
    bias_ = register_parameter("bias", torch::zeros({dim}));
  }
}

Tensor LayerNorm::forward(const Tensor& x) const {
  if (cuda::takes_token_norm(x, weights())) {
    return cuda::token_norm(x, weights());
  }
  return torch::layer_norm(x, weight_.sizes(), weight_, bias_, eps_);
}

BatchNorm::BatchNorm(int64_t channels)
    : weight_(register_parameter("weight", torch::ones({channels}))),
      bias_(register_parameter("bias", torch::zeros({channels}))),
      running_mean_(register_buffer("running_mean", torch::zeros({channels}))),
      running_var_(register_buffer("running_var", torch::ones({channels}))),
      num_batches_tracked_(
          register_buffer("num_batches_tracked", torch::zeros({}, torch::kInt64))) {}

Tensor BatchNorm::forward(const Tensor& x) {
  if (is_training()) {
    num_batches_tracked_.add_(1);
  }
  return at::batch_norm(x,
                        weight_,
                        bias_,
                        running_mean_,
                        running_var_,
                        is_training(),
                        kBatchNormMomentum,
                        kBatchNormEps,
                        true);
}

RmsNorm::RmsNorm(int64_t dim) : weight_(register_parameter("weight", torch::ones({dim}))) {}

}  // namespace parallax
