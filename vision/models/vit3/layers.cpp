// Convolutions in LibTorch operations, repacked products and depthwise kernels.
#include "vision/models/vit3/layers.h"

#include <cmath>

#include "core/ops/cuda/operators.h"
#include "core/ops/depthwise/depthwise.h"

namespace parallax {

Convolution::Convolution(const ConvolutionShape& shape)
    : shape_(shape),
      weight_(register_parameter(
          "weight",
          torch::zeros({shape.out, shape.in / shape.groups, shape.kernel, shape.kernel}))) {
  if (shape.bias) {
    bias_ = register_parameter("bias", torch::zeros({shape.out}));
  }
}

bool Convolution::is_depthwise() const {
  return shape_.kernel == 3 && shape_.groups == shape_.in && shape_.groups == shape_.out &&
         shape_.pad;
}

Tensor Convolution::taps() const { return weight_.flatten(1).t().unsqueeze(0); }

Tensor Convolution::forward(const Tensor& x) const {
  if (shape_.kernel == 1 && shape_.stride == 1 && shape_.groups == 1) {
    // This is a matrix product, for which LibTorch's convolution has only its slowest kernel.
    return linear_(x.permute({0, 2, 3, 1}), weight_.flatten(1), bias_).permute({0, 3, 1, 2});
  }
  if (is_depthwise() && cuda::has_kernels(x)) {
    // Computes every pixel and then drops those that a stride skips: this still takes a fraction of
    // LibTorch's time, whose gradient also comes back in another memory layout.
    const Tensor all = depthwise_convolution(x.permute({0, 2, 3, 1}), taps(), bias_, x.size(2));
    return all.slice(1, 0, {}, shape_.stride)
        .slice(2, 0, {}, shape_.stride)
        .contiguous()
        .permute({0, 3, 1, 2});
  }
  const int64_t padding = shape_.pad ? shape_.kernel / 2 : 0;
  return torch::conv2d(x, weight_, bias_, shape_.stride, padding, 1, shape_.groups);
}

Tensor Convolution::forward_to_tokens(const Tensor& x) const {
  const bool by_patches = !shape_.pad && shape_.stride == shape_.kernel && shape_.groups == 1;
  if (by_patches && cuda::takes_patch_rows(x, shape_.kernel) &&
      !fused::requires_graph({weight_, bias_})) {
    return torch::linear(cuda::patch_rows(x, shape_.kernel), weight_.flatten(1), bias_);
  }
  return as_tokens(forward(x)).contiguous();
}

Tensor Convolution::add_to_tokens(const Tensor& x, int64_t rows, int64_t cols) const {
  const Tensor picture = x.reshape({x.size(0), rows, cols, x.size(2)});
  const auto convolved = [&](const Tensor& weight) {
    return depthwise_convolution(picture, weight, bias_, rows).flatten(1, 2);
  };
  if (!cuda::has_kernels(x)) {
    return x + convolved(taps());
  }
  // Adding x is adding 1 to the centre of each kernel, provided that the arithmetic is float32.
  const Tensor wide = taps().to(torch::promote_types(weight_.scalar_type(), torch::kFloat32));
  const int64_t centre = kDepthwiseTaps / 2;
  return convolved(torch::cat(
      {wide.slice(1, 0, centre), wide.slice(1, centre, centre + 1) + 1, wide.slice(1, centre + 1)},
      1));
}

cuda::NormedTokens Convolution::add_to_tokens(const Tensor& x,
                                              int64_t rows,
                                              int64_t cols,
                                              const LayerNorm& norm) const {
  if (cuda::takes_token_norm(x, norm.weights()) && weight_.scalar_type() == x.scalar_type() &&
      !fused::requires_graph({weight_, bias_})) {
    return cuda::convolved_token_norm(x, rows, cols, weight_, bias_, norm.weights());
  }
  const Tensor sum = add_to_tokens(x, rows, cols);
  return {sum, norm.forward(sum)};
}

void Convolution::initialise() {
  const torch::NoGradGuard no_grad;
  const double bound = 1 / std::sqrt(static_cast<double>(weight_[0].numel()));
  weight_.uniform_(-bound, bound);
  if (bias_.defined()) {
    bias_.uniform_(-bound, bound);
  }
}

ConvolutionStep::ConvolutionStep(const ConvolutionShape& shape, bool with_norm, bool with_relu)
    : conv_(register_module("conv", std::make_shared<Convolution>(shape))), with_relu_(with_relu) {
  if (with_norm) {
    norm_ = register_module("norm", std::make_shared<BatchNorm>(shape.out));
  }
}

Tensor ConvolutionStep::forward(const Tensor& x) {
  Tensor y = conv_->forward(x);
  if (norm_) {
    y = norm_->forward(y);
  }
  if (!with_relu_) {
    return y;
  }
  // In place, the gradient of a view would be copied twice, into another memory layout.
  return y.requires_grad() ? y.relu() : y.relu_();
}

Tensor as_grid(const Tensor& x, int64_t rows, int64_t cols) {
  return x.reshape({x.size(0), rows, cols, x.size(2)}).permute({0, 3, 1, 2});
}

Tensor as_tokens(const Tensor& x) { return x.flatten(2).transpose(1, 2); }

Tensor drop_path(const Tensor& x, double probability, bool training) {
  if (!training || probability <= 0) {
    return x;
  }
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  const Tensor kept = torch::rand(shape, x.options()).ge(probability).to(x.scalar_type());
  return x * (kept / (1 - probability));
}

}  // namespace parallax
