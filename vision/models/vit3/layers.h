// The convolutions of ViT³ and H-ViT³, with the published code's parameter names.
#pragma once

#include "core/base/torch.h"
#include "core/ops/matmul/packed_linear.h"
#include "vision/models/layers.h"

namespace parallax {

// The shape of a convolution's weights, its stride and its padding.
struct ConvolutionShape {
  int64_t in = 0;
  int64_t out = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t groups = 1;
  bool bias = true;
  bool pad = true;  // by kernel / 2
};

// A 2-D convolution; 1×1 and depthwise 3×3 kernels run as matrix products and fused operators.
class Convolution : public torch::nn::Module {
 public:
  explicit Convolution(const ConvolutionShape& shape);
  Tensor forward(const Tensor& x) const;  // [B, in, rows, cols] → [B, out, rows', cols']

  // The outputs as tokens in grid order: [B, rows'·cols', out].
  Tensor forward_to_tokens(const Tensor& x) const;  // [B, in, rows, cols]

  // x plus its convolution, for tokens in grid order and depthwise 3×3 kernels: [B, rows·cols, in].
  Tensor add_to_tokens(const Tensor& x, int64_t rows, int64_t cols) const;

  // The same, and what `norm` makes of the result.
  cuda::NormedTokens add_to_tokens(const Tensor& x,
                                   int64_t rows,
                                   int64_t cols,
                                   const LayerNorm& norm) const;

  // As PyTorch draws convolutions: uniform with bound 1/√fan-in.
  void initialise();

 private:
  bool is_depthwise() const;
  Tensor taps() const;  // [1, 9, channels], for core/ops/depthwise

  ConvolutionShape shape_;
  Tensor weight_;        // [out, in / groups, kernel, kernel]
  Tensor bias_;          // [out] or undefined
  PackedLinear linear_;  // for 1×1 kernels
};

// A convolution, then optionally BatchNorm, then optionally ReLU.
class ConvolutionStep : public torch::nn::Module {
 public:
  ConvolutionStep(const ConvolutionShape& shape, bool with_norm, bool with_relu);
  Tensor forward(const Tensor& x);  // [B, in, rows, cols]

 private:
  std::shared_ptr<Convolution> conv_;
  std::shared_ptr<BatchNorm> norm_;
  bool with_relu_;
};

// Tokens in grid order as images, and back; views where the memory layout allows.
Tensor as_grid(const Tensor& x, int64_t rows, int64_t cols);  // [B, N, C] → [B, C, rows, cols]
Tensor as_tokens(const Tensor& x);                            // [B, C, rows, cols] → [B, N, C]

// Stochastic depth: in training, drops a whole image's residual with this probability and scales
// the others up.
Tensor drop_path(const Tensor& x, double probability, bool training);  // [B, ...]

}  // namespace parallax
