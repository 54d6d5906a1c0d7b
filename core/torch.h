// LibTorch's headers, precompiled, with the one name of it that is used everywhere.
#pragma once

#include <torch/torch.h>

namespace parallax {
using torch::Tensor;
}  // namespace parallax
