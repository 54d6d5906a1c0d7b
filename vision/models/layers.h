// The basic layers that the models share, with PyTorch's names and parameters.
#pragma once

#include "core/base/torch.h"
#include "core/ops/cuda/operators.h"
#include "core/ops/matmul/packed_linear.h"

namespace parallax {

// y = x Wᵀ + b, on the CPU with weights repacked for inference and our own products in training.
class Linear : public torch::nn::Module {
 public:
  Linear(int64_t in, int64_t out, bool with_bias = true);
  Tensor forward(const Tensor& x, Activation activation = Activation::kNone) const;  // [..., in]
  // addend + forward(x)
  Tensor add_to(const Tensor& addend, const Tensor& x) const;  // [..., out], [..., in]
  Tensor& weight() { return weight_; }

 private:
  Tensor weight_;  // [out, in]
  Tensor bias_;    // [out] or undefined
  PackedLinear linear_;
};

// LayerNorm over the last dimension, with or without a bias.
class LayerNorm : public torch::nn::Module {
 public:
  LayerNorm(int64_t dim, double eps, bool with_bias = true);
  Tensor forward(const Tensor& x) const;  // [..., dim]
  cuda::NormWeights weights() const { return {weight_, bias_, eps_}; }

 private:
  Tensor weight_;  // [dim]
  Tensor bias_;    // [dim] or undefined
  double eps_;
};

// BatchNorm over dimension 1, eps 1e-5: uses running statistics in evaluation and the batch's in
// training.
class BatchNorm : public torch::nn::Module {
 public:
  explicit BatchNorm(int64_t channels);
  Tensor forward(const Tensor& x);  // [B, channels, ...]

 private:
  Tensor weight_;
  Tensor bias_;
  Tensor running_mean_;
  Tensor running_var_;
  Tensor num_batches_tracked_;
};

// The scale of an RMSNorm, which is applied while heads are split or merged.
class RmsNorm : public torch::nn::Module {
 public:
  explicit RmsNorm(int64_t dim);
  const Tensor& weight() const { return weight_; }

 private:
  Tensor weight_;  // [dim]
};

}  // namespace parallax
