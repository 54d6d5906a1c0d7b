// The formula.
#include "tests/support/lpips_weights.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace parallax::testing {
namespace {

// Position and outputs of each convolution.
constexpr std::array<std::pair<int, int64_t>, 13> kConvolutions = {{{0, 64},
                                                                    {2, 64},
                                                                    {5, 128},
                                                                    {7, 128},
                                                                    {10, 256},
                                                                    {12, 256},
                                                                    {14, 256},
                                                                    {17, 512},
                                                                    {19, 512},
                                                                    {21, 512},
                                                                    {24, 512},
                                                                    {26, 512},
                                                                    {28, 512}}};

}  // namespace

Tensor formula_numbers(std::uint32_t seed,
                       const std::vector<int64_t>& shape,
                       double scale,
                       double offset) {
  Tensor tensor = torch::empty(shape, torch::kFloat32);
  auto* values = tensor.data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    auto state = static_cast<std::uint32_t>(static_cast<std::uint64_t>(i) * 2654435761U +
                                            static_cast<std::uint64_t>(seed) * 40503U);
    state = state * 1664525U + 1013904223U;
    values[i] = static_cast<float>((state / 2147483648.0 - 1) * scale + offset);
  }
  return tensor;
}

TensorMap lpips_weights() {
  TensorMap weights;
  int64_t inputs = 3;
  for (const auto& [position, outputs] : kConvolutions) {
    weights[fmt::format("features.{}.weight", position)] = formula_numbers(
        position, {outputs, inputs, 3, 3}, std::sqrt(6.0 / (static_cast<double>(inputs) * 9)), 0);
    weights[fmt::format("features.{}.bias", position)] =
        formula_numbers(position + 100, {outputs}, 0.1, 0);
    inputs = outputs;
  }
  for (int i = 0; i < 5; ++i) {
    const std::array<int64_t, 5> channels = {64, 128, 256, 512, 512};
    weights[fmt::format("lin{}.model.1.weight", i)] =
        formula_numbers(200 + i, {1, channels[i], 1, 1}, 1, 0).abs();
  }
  return weights;
}

}  // namespace parallax::testing
