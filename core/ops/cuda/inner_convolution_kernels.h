// The convolution of an image's two inner nets: trained on the image's tokens, then applied.
#pragma once

#include "core/ops/cuda/token_kernels.h"

namespace parallax::cuda {

// Of the blocks of both inner nets.
inline constexpr int kInnerThreads = 128;
inline constexpr int kInnerWarps = kInnerThreads / kWarpLanes;

// Trains the convolution's taps: [kTaps, kInnerWidth] in shared memory.
template <class Thread>
PARALLAX_DEVICE void train_taps(Thread& thread,
                                const InnerNets& k,
                                const BFloat16Bits* keys,    // from the lane's channels on
                                const BFloat16Bits* values,  // likewise
                                float* partial,              // [kInnerWarps, kTaps, kInnerWidth]
                                float* taps) {
  const int tokens = static_cast<int>(k.rows * k.cols);
  const int lane = thread.index() % kWarpLanes;
  const int warp = thread.index() / kWarpLanes;
  float sums[kTaps][kVector] = {};
  for (int at = thread.index() / 4; at < tokens; at += kInnerThreads / 4) {
    const auto value = *reinterpret_cast<const EightChannels*>(values + at * k.packed_stride);
    const Neighbours key = load_neighbours(
        keys, k.packed_stride, static_cast<int>(k.rows), static_cast<int>(k.cols), at);
#pragma unroll
    for (int tap = 0; tap < kTaps; ++tap) {
#pragma unroll
      for (int i = 0; i < kVector / 2; ++i) {
        sums[tap][2 * i] += low_of(value.words[i]) * low_of(key.at[tap].words[i]);
        sums[tap][2 * i + 1] += high_of(value.words[i]) * high_of(key.at[tap].words[i]);
      }
    }
  }
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) {
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      float sum = sums[tap][i];
#pragma unroll
      for (int mask = 4; mask < kWarpLanes; mask *= 2) {
        sum += thread.exchanged(sum, mask);
      }
      if (lane < 4) {
        partial[(warp * kTaps + tap) * kInnerWidth + lane * kVector + i] = sum;
      }
    }
  }
  thread.sync();
  if (warp == 0) {
    float steps[kTaps];
    float square = 0;
#pragma unroll
    for (int tap = 0; tap < kTaps; ++tap) {
      float sum = 0;
#pragma unroll
      for (int i = 0; i < kInnerWarps; ++i) {
        sum += partial[(i * kTaps + tap) * kInnerWidth + lane];
      }
      steps[tap] = sum * k.scale;
      square += steps[tap] * steps[tap];
    }
    const float factor = 1 / (square_root(square) + 1);
#pragma unroll
    for (int tap = 0; tap < kTaps; ++tap) {
      taps[tap * kInnerWidth + lane] = k.w3[lane * kTaps + tap] + factor * steps[tap];
    }
  }
  thread.sync();
}

// Trains and applies an image's convolution. Four neighbouring threads share a pixel.
template <class Thread>
PARALLAX_DEVICE void train_and_apply_convolution(Thread& thread,
                                                 const InnerNets& k,
                                                 std::int64_t image) {
  float* const partial = thread.template shared<float>(kInnerWarps * kTaps * kInnerWidth);
  float* const taps = thread.template shared<float>(kTaps * kInnerWidth);
  const int tokens = static_cast<int>(k.rows * k.cols);
  const int channel = thread.index() % 4 * kVector;
  const BFloat16Bits* const queries =
      k.packed + image * tokens * k.packed_stride + 3 * k.heads * kInnerWidth + channel;
  const BFloat16Bits* const keys = queries + kInnerWidth;
  train_taps(thread, k, keys, keys + kInnerWidth, partial, taps);
  float weights[kTaps][kVector];
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) {
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      weights[tap][i] = taps[tap * kInnerWidth + channel + i];
    }
  }
  const std::int64_t stride = (k.heads + 1) * kInnerWidth;
  BFloat16Bits* const to = k.out + image * tokens * stride + k.heads * kInnerWidth + channel;
  for (int at = thread.index() / 4; at < tokens; at += kInnerThreads / 4) {
    float sums[kVector] = {};
    const Neighbours x = load_neighbours(k.applies_to_keys ? keys : queries,
                                         k.packed_stride,
                                         static_cast<int>(k.rows),
                                         static_cast<int>(k.cols),
                                         at);
#pragma unroll
    for (int tap = 0; tap < kTaps; ++tap) {
#pragma unroll
      for (int i = 0; i < kVector / 2; ++i) {
        sums[2 * i] += weights[tap][2 * i] * low_of(x.at[tap].words[i]);
        sums[2 * i + 1] += weights[tap][2 * i + 1] * high_of(x.at[tap].words[i]);
      }
    }
    EightChannels eight;
#pragma unroll
    for (int i = 0; i < kVector / 2; ++i) {
      eight.words[i] = packed_pair(sums[2 * i], sums[2 * i + 1]);
    }
    *reinterpret_cast<EightChannels*>(to + at * stride) = eight;
  }
}

}  // namespace parallax::cuda
