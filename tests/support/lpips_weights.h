// Weights of LPIPS's size by the formula of tests/vision/metrics/data/make_lpips.py, so that no
// file of weights travels.
#pragma once

#include <cstdint>
#include <vector>

#include "core/io/checkpoint.h"

namespace parallax::testing {

// The formula's numbers in [-1, 1), times `scale`, plus `offset`; float32.
Tensor formula_numbers(std::uint32_t seed,
                       const std::vector<int64_t>& shape,
                       double scale,
                       double offset);

// VGG-16's convolutions under torchvision's names, and the package's lin0 to lin4.
TensorMap lpips_weights();

}  // namespace parallax::testing
