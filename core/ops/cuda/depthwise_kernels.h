// Bodies of the CUDA kernels for depthwise 3×3 convolutions of images with channels last.
#pragma once

#include "core/ops/cuda/kernels.h"

namespace parallax::cuda {

using kernels::Depthwise;
using kernels::kTaps;

// Where tap `tap` of row `row`, column `col` of `to` reads in an image; false where it is outside.
struct TapPosition {
  std::int64_t row = 0;
  std::int64_t col = 0;
  bool inside = false;
};
template <class S>
PARALLAX_DEVICE TapPosition
tap_position(const Depthwise<S>& k, std::int64_t row, std::int64_t col, int tap) {
  const std::int64_t at = row + k.offset + tap / 3 - 1;
  const std::int64_t beside = col + tap % 3 - 1;
  return {at, beside, at >= 0 && at < k.from_rows && beside >= 0 && beside < k.cols};
}

// Computes the block's vectors of channels of `to`.
template <int vector, class Block, class S>
PARALLAX_DEVICE void depthwise_convolution(Block& block, const Depthwise<S>& k) {
  const std::int64_t vectors = k.channels / vector;
  const std::int64_t all = k.images * k.to_rows * k.cols * vectors;
  block.each([&](int thread) {
    const std::int64_t index = block.index() * block.threads() + thread;
    if (index >= all) {
      return;
    }
    const std::int64_t channel = index % vectors * vector;
    const std::int64_t pixel = index / vectors;
    const std::int64_t col = pixel % k.cols;
    const std::int64_t row = pixel / k.cols % k.to_rows;
    const std::int64_t image = pixel / k.cols / k.to_rows;
    const S* const from = k.from + image * k.from_image_stride + channel;
    const float* const weight = k.weight + image * k.weight_image_stride + channel;
    float sums[vector];
    for (int i = 0; i < vector; ++i) {
      sums[i] = k.bias == nullptr ? 0.0F : k.bias[channel + i];
    }
    for (int tap = 0; tap < kTaps; ++tap) {
      const TapPosition at = tap_position(k, row, col, tap);
      if (at.inside) {
        const auto x = load_vector<vector>(from + (at.row * k.cols + at.col) * k.from_stride);
        for (int i = 0; i < vector; ++i) {
          sums[i] += weight[tap * k.channels + i] * load(x.elements[i]);
        }
      }
    }
    Vector<S, vector> to;
    for (int i = 0; i < vector; ++i) {
      store(sums[i], to.elements[i]);
    }
    store_vector(to, k.to + pixel * k.channels + channel);
  });
}

// A block adds up the taps of kCorrelationLanes vectors of one image's channels; the threads of a
// lane share the pixels.
inline constexpr int kCorrelationLanes = 4;
inline constexpr int kCorrelationThreads = 128;
template <class S>
Grid correlation_grid(const Depthwise<S>& k, int vector) {
  const std::int64_t vectors = k.channels / vector;
  return {k.images * ((vectors + kCorrelationLanes - 1) / kCorrelationLanes),
          kCorrelationThreads,
          sizeof(float) * kCorrelationThreads * kTaps * static_cast<std::size_t>(vector)};
}

template <int vector, class Block, class S>
PARALLAX_DEVICE void depthwise_correlation(Block& block, const Depthwise<S>& k) {
  constexpr int kSums = kTaps * vector;
  const std::int64_t vectors = k.channels / vector;
  const std::int64_t groups = (vectors + kCorrelationLanes - 1) / kCorrelationLanes;
  const std::int64_t image = block.index() / groups;
  const std::int64_t first = block.index() % groups * kCorrelationLanes;
  float* const shared = block.template shared<float>(block.threads() * kSums);
  block.each([&](int thread) {
    float sums[kSums];
    for (int i = 0; i < kSums; ++i) {
      sums[i] = 0;
    }
    const std::int64_t lane = first + thread % kCorrelationLanes;
    const std::int64_t channel = lane * vector;
    const int together = block.threads() / kCorrelationLanes;
    for (std::int64_t pixel = thread / kCorrelationLanes;
         lane < vectors && pixel < k.to_rows * k.cols;
         pixel += together) {
      const auto value = load_vector<vector>(k.values + image * k.values_image_stride +
                                             pixel * k.values_stride + channel);
      for (int tap = 0; tap < kTaps; ++tap) {
        const TapPosition at = tap_position(k, pixel / k.cols, pixel % k.cols, tap);
        if (at.inside) {
          const auto x = load_vector<vector>(k.from + image * k.from_image_stride +
                                             (at.row * k.cols + at.col) * k.from_stride + channel);
          for (int i = 0; i < vector; ++i) {
            sums[tap * vector + i] += load(value.elements[i]) * load(x.elements[i]);
          }
        }
      }
    }
    for (int i = 0; i < kSums; ++i) {
      shared[thread * kSums + i] = sums[i];
    }
  });
  block.each([&](int thread) {
    for (int sum = thread; sum < kCorrelationLanes * kSums; sum += block.threads()) {
      const int lane = sum / kSums;
      const int tap = sum % kSums / vector;
      const std::int64_t channel = (first + lane) * vector + sum % vector;
      if (channel >= k.channels) {
        continue;
      }
      float total = 0;
      for (int other = lane; other < block.threads(); other += kCorrelationLanes) {
        total += shared[other * kSums + sum % kSums];
      }
      k.sums[(image * kTaps + tap) * k.channels + channel] = total;
    }
  });
}

}  // namespace parallax::cuda
