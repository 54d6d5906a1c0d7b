// LPIPS, the learned perceptual distance of images (Zhang et al. 2018), on VGG-16: version 0.1 of
// the package `lpips`, as pixelSplat and LVSM report it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/torch.h"
#include "core/io/checkpoint.h"

namespace parallax {

// The network and the weights of its layers' differences.
class Lpips {
 public:
  // `weights`: VGG-16's thirteen convolutions as torchvision names them (features.0.weight) or as
  // the package does (net.slice1.0.weight), and the package's lin0.model.1.weight to lin4. Throws
  // Error at `where` for one that is missing or of another shape.
  Lpips(const TensorMap& weights, const std::string& where);

  // The distance of each image from the truth; 0 for equal ones. Not clamped; in float32, one pair
  // at a time. Throws Error unless both are [B, 3, H, W] with sides of 16 pixels or more.
  Tensor per_image(const Tensor& rendered, const Tensor& truth) const;  // [B] float64, on the CPU

  // Where the network runs; images may be anywhere.
  void to(torch::Device device);

 private:
  struct Convolution {
    Tensor weight;  // [out, in, 3, 3]
    Tensor bias;    // [out]
  };

  std::vector<Tensor> features(const Tensor& image) const;  // [1, 3, H, W] → 5 × [1, C, h, w]

  std::vector<Convolution> convolutions_;
  std::vector<Tensor> differences_;  // five of [1, C, 1, 1]
};

// Reads the weights from one file, or from several that hold a part each: checkpoints as
// load_checkpoint() reads them. Throws Error that says how such a file is made.
Lpips load_lpips(const std::vector<std::string>& files);

}  // namespace parallax
