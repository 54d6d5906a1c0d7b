// The parts of LibTorch that Parallax uses, for the precompiled header, and the one of its names
// that is used everywhere. All of <torch/torch.h> would make the precompiled header a third larger.
#pragma once

#include <ATen/ATen.h>
#include <torch/cuda.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>

namespace parallax {
using torch::Tensor;
}  // namespace parallax
