// Bodies of the CUDA kernels that cut images into patches and that normalise tokens, after adding
// their depthwise convolution where there is one; the end of a product with GELU; and what bodies
// share that take eight bfloat16 channels at a time.
#pragma once

#include "core/ops/cuda/gated_product.h"
#include "core/ops/cuda/kernels.h"
#include "core/ops/cuda/warp.h"

namespace parallax::cuda {

using kernels::kTaps;

PARALLAX_DEVICE inline std::uint32_t packed_pair(float low, float high) {
#ifdef __CUDA_ARCH__
  std::uint32_t pair = 0;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#else
  BFloat16Bits first;
  BFloat16Bits second;
  store(low, first);
  store(high, second);
  return first.bits | static_cast<std::uint32_t>(second.bits) << 16U;
#endif
}

PARALLAX_DEVICE inline float low_of(std::uint32_t pair) {
  return __builtin_bit_cast(float, pair << 16U);
}
PARALLAX_DEVICE inline float high_of(std::uint32_t pair) {
  return __builtin_bit_cast(float, pair & 0xFFFF0000U);
}

// Eight neighbouring channels, from 8t on for the t-th: word w has channels 8t + 2w and 8t + 2w
// + 1.
struct alignas(16) EightChannels {
  std::uint32_t words[4];
};

// Eight channels of a pixel and its neighbours, by tap; zero outside of the image. All are
// loaded before the first is used.
struct Neighbours {
  EightChannels at[kTaps];
};

PARALLAX_DEVICE inline Neighbours load_neighbours(const BFloat16Bits* image,
                                                  std::int64_t stride,
                                                  int rows,
                                                  int cols,
                                                  int pixel) {
  const int row = pixel / cols;
  const int col = pixel - row * cols;
  Neighbours loaded;
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) {
    const int down = tap / 3 - 1;
    const int right = tap % 3 - 1;
    const bool inside =
        row + down >= 0 && row + down < rows && col + right >= 0 && col + right < cols;
    loaded.at[tap] = inside ? *reinterpret_cast<const EightChannels*>(
                                  image + (pixel + down * cols + right) * stride)
                            : EightChannels{};
  }
  return loaded;
}

inline constexpr int kNormThreads = 128;    // per block
inline constexpr int kNormPasses = 4;       // of a block over tokens
inline constexpr int kMostNormVectors = 3;  // that one lane has of a token

// So many neighbouring lanes share a token, a power of two.
PARALLAX_HOST_DEVICE inline int norm_lanes(std::int64_t width) {
  const std::int64_t vectors = width / kVector;
  int lanes = 8;
  while (lanes < kWarpLanes && lanes * kMostNormVectors < vectors) {
    lanes *= 2;
  }
  return lanes;
}

// Vectors that a lane has; more than kMostNormVectors are too many.
inline std::int64_t norm_vectors(std::int64_t width) {
  const std::int64_t lanes = norm_lanes(width);
  return (width / kVector + lanes - 1) / lanes;
}

inline Grid token_norm_grid(const TokenNorm& k) {
  const std::int64_t at_once = kNormPasses * (kNormThreads / norm_lanes(k.width));
  const std::int64_t tokens = k.images * k.rows * k.cols;
  const std::size_t floats =
      k.taps == nullptr ? 0 : static_cast<std::size_t>((kTaps + 1) * k.width);
  return {(tokens + at_once - 1) / at_once, kNormThreads, floats * sizeof(float)};
}

// Eight values of a lane.
struct EightFloats {
  float values[kVector];
};

PARALLAX_DEVICE inline EightFloats unpacked(const EightChannels& eight) {
  EightFloats result;
#pragma unroll
  for (int word = 0; word < kVector / 2; ++word) {
    result.values[2 * word] = low_of(eight.words[word]);
    result.values[2 * word + 1] = high_of(eight.words[word]);
  }
  return result;
}

PARALLAX_DEVICE inline EightChannels packed(const EightFloats& eight) {
  EightChannels result;
#pragma unroll
  for (int word = 0; word < kVector / 2; ++word) {
    result.words[word] = packed_pair(eight.values[2 * word], eight.values[2 * word + 1]);
  }
  return result;
}

PARALLAX_DEVICE inline EightFloats load_eight(const BFloat16Bits* from) {
  return unpacked(*reinterpret_cast<const EightChannels*>(from));
}

// Where shared memory has the taps of a vector of channels, in two halves: [kTaps + 1, 2,
// vectors, 4], the last tap being the bias. Neighbouring lanes then read from neighbouring places.
PARALLAX_DEVICE inline int tap_index(int tap, int channel, int vectors) {
  return ((tap * 2 + channel % kVector / 4) * vectors + channel / kVector) * 4 + channel % 4;
}

template <class Thread>
PARALLAX_DEVICE void share_taps(Thread& thread, const TokenNorm& k, float* taps) {
  const auto width = static_cast<int>(k.width);
  for (int channel = thread.index(); channel < width; channel += kNormThreads) {
#pragma unroll
    for (int tap = 0; tap < kTaps; ++tap) {
      taps[tap_index(tap, channel, width / kVector)] = load(k.taps[channel * kTaps + tap]);
    }
    taps[tap_index(kTaps, channel, width / kVector)] =
        k.taps_bias == nullptr ? 0.0F : load(k.taps_bias[channel]);
  }
  thread.sync();
}

PARALLAX_DEVICE inline EightFloats shared_tap(const float* taps, int tap, int vector, int vectors) {
  EightFloats result;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const auto four = load_vector<4>(taps + ((tap * 2 + half) * vectors + vector) * 4);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      result.values[4 * half + i] = four.elements[i];
    }
  }
  return result;
}

// x and its convolution at one pixel, for one vector of channels.
PARALLAX_DEVICE inline EightFloats convolved_sum(const TokenNorm& k,
                                                 const float* taps,
                                                 std::int64_t token,
                                                 int vector) {
  const int pixels = static_cast<int>(k.rows * k.cols);
  const std::int64_t image = token / pixels;
  const auto vectors = static_cast<int>(k.width / kVector);
  const Neighbours x = load_neighbours(k.x + image * pixels * k.width + vector * kVector,
                                       k.width,
                                       static_cast<int>(k.rows),
                                       static_cast<int>(k.cols),
                                       static_cast<int>(token - image * pixels));
  EightFloats sum = shared_tap(taps, kTaps, vector, vectors);
#pragma unroll
  for (int tap = 0; tap < kTaps; ++tap) {
    const EightFloats weight = shared_tap(taps, tap, vector, vectors);
    const EightFloats value = unpacked(x.at[tap]);
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      sum.values[i] +=
          (tap == kTaps / 2 ? weight.values[i] + 1 : weight.values[i]) * value.values[i];
    }
  }
  return sum;
}

template <class Thread>
PARALLAX_DEVICE float sum_of_token(Thread& thread, float x, int lanes) {
  for (int mask = 1; mask < lanes; mask *= 2) {
    x += thread.exchanged(x, mask);
  }
  return x;
}

// Normalises the block's tokens, convolved where there are taps; a lane has `vectors` vectors of
// one at a time.
template <int vectors, bool convolves, class Thread>
PARALLAX_DEVICE void token_norm(Thread& thread, const TokenNorm& k) {
  float* const taps = convolves ? thread.template shared<float>((kTaps + 1) * k.width) : nullptr;
  if constexpr (convolves) {
    share_taps(thread, k, taps);
  }
  const int lanes = norm_lanes(k.width);
  const int lane = thread.index() % lanes;
  const int at_once = kNormThreads / lanes;
  const auto all = static_cast<int>(k.width / kVector);
  const std::int64_t tokens = k.images * k.rows * k.cols;
  const float share = 1.0F / static_cast<float>(k.width);
  for (int pass = 0; pass < kNormPasses; ++pass) {
    const std::int64_t token =
        (thread.block() * kNormPasses + pass) * at_once + thread.index() / lanes;
    const bool exists = token < tokens;
    EightFloats x[vectors] = {};
    float sum = 0;
#pragma unroll
    for (int i = 0; i < vectors; ++i) {
      const int vector = lane + i * lanes;
      if (exists && vector < all) {
        const std::int64_t at = token * k.width + vector * kVector;
        if constexpr (convolves) {
          const EightChannels rounded = packed(convolved_sum(k, taps, token, vector));
          *reinterpret_cast<EightChannels*>(k.sum + at) = rounded;
          x[i] = unpacked(rounded);
        } else {
          x[i] = load_eight(k.x + at);
        }
      }
#pragma unroll
      for (const float value : x[i].values) {
        sum += value;
      }
    }
    const float mean = sum_of_token(thread, sum, lanes) * share;
    float square = 0;
#pragma unroll
    for (int i = 0; i < vectors; ++i) {
#pragma unroll
      for (const float value : x[i].values) {
        square += lane + i * lanes < all ? (value - mean) * (value - mean) : 0.0F;
      }
    }
    const float root = 1 / square_root(sum_of_token(thread, square, lanes) * share + k.eps);
#pragma unroll
    for (int i = 0; i < vectors; ++i) {
      const int vector = lane + i * lanes;
      if (exists && vector < all) {
        const EightFloats weight = load_eight(k.weight + vector * kVector);
        const EightFloats bias =
            k.bias == nullptr ? EightFloats{} : load_eight(k.bias + vector * kVector);
        EightFloats y;
#pragma unroll
        for (int j = 0; j < kVector; ++j) {
          y.values[j] = (x[i].values[j] - mean) * root * weight.values[j] + bias.values[j];
        }
        *reinterpret_cast<EightChannels*>(k.normed + token * k.width + vector * kVector) =
            packed(y);
      }
    }
  }
}

// One thread per vector of `out`.
inline Grid patch_rows_grid(const PatchRows& k) {
  return element_grid(k.images * k.channels * k.rows * k.cols, kVector);
}

// Copies the block's vectors, of which there are fewer than 2³¹.
template <class Block>
PARALLAX_DEVICE void patch_rows(Block& block, const PatchRows& k) {
  const auto patch = static_cast<unsigned>(k.patch);
  const auto channels = static_cast<unsigned>(k.channels);
  const unsigned across = static_cast<unsigned>(k.cols) / patch;
  const unsigned down = static_cast<unsigned>(k.rows) / patch;
  const unsigned in_row = patch / kVector;
  const unsigned all = static_cast<unsigned>(k.images) * channels * down * across * patch * in_row;
  block.each([&](int thread) {
    const auto index = static_cast<unsigned>(block.index() * block.threads() + thread);
    if (index >= all) {
      return;
    }
    const unsigned line = index / in_row;  // of patches' rows of pixels
    const unsigned plane = line / patch;
    const unsigned token = plane / channels;
    const unsigned band = token / across;  // of patches beside each other
    const unsigned image = band / down;
    const std::int64_t row = static_cast<std::int64_t>(band % down) * patch + line % patch;
    const unsigned col = token % across * patch + index % in_row * kVector;
    const std::int64_t from =
        ((static_cast<std::int64_t>(image) * channels + plane % channels) * k.rows + row) * k.cols +
        col;
    store_vector(load_vector<kVector>(k.x + from),
                 k.out + static_cast<std::int64_t>(index) * kVector);
  });
}

// x times the integral of the normal distribution up to x. On a GPU with its quick functions: the
// integral's error is below 1e-6 (Abramowitz and Stegun, 7.1.26).
PARALLAX_DEVICE inline float quick_gelu(float x) {
#ifdef __CUDA_ARCH__
  const float z = fabsf(x) * 0.70710678F;
  const float t = __fdividef(1.0F, 1.0F + 0.3275911F * z);
  float p = 1.061405429F;
  p = p * t - 1.453152027F;
  p = p * t + 1.421413741F;
  p = p * t - 0.284496736F;
  p = p * t + 0.254829592F;
  const float tail = 0.5F * p * t * __expf(-z * z);  // the integral from |x| on
  return x * (x < 0 ? tail : 1 - tail);
#else
  return x * normal(x).integral;
#endif
}

// Stores the outputs of a tile of GeluLinear, of which thread `thread` of a warp group has the sums
// where sum_position() says. Of every sixteen columns it has two pairs that are eight apart.
// Neighbours exchange one, so that each stores two neighbouring pairs, and four threads 32 bytes.
template <class Thread>
PARALLAX_DEVICE void store_gelu(Thread& lanes,
                                const GeluLinear& k,
                                const float (&d)[128],
                                std::int64_t first_row,
                                int slice,
                                int thread) {
  const bool odd = thread % 2 != 0;
  const std::int64_t row = first_row + sum_position(thread, 0).row;
  const BFloat16Bits* const bias = k.bias + slice * kGateColumns + thread % 4 * 2;
  BFloat16Bits* const to =
      k.h + row * k.outputs + slice * kGateColumns + (thread % 4 * 2 + (odd ? 6 : 0));
#pragma unroll
  for (int pair = 0; pair < kGateColumns / 16; ++pair) {
    std::uint32_t shifts[2];
#pragma unroll
    for (int which = 0; which < 2; ++which) {
      shifts[which] = *reinterpret_cast<const std::uint32_t*>(bias + 16 * pair + 8 * which);
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      std::uint32_t words[2];
#pragma unroll
      for (int which = 0; which < 2; ++which) {
        const int at = (2 * pair + which) * 4 + 2 * half;
        words[which] = packed_pair(quick_gelu(d[at] + low_of(shifts[which])),
                                   quick_gelu(d[at + 1] + high_of(shifts[which])));
      }
      const std::uint32_t got = lanes.exchanged(odd ? words[0] : words[1], 1);
      Vector<std::uint32_t, 2> both;
      both.elements[0] = odd ? got : words[0];
      both.elements[1] = odd ? words[1] : got;
      if (row + 8 * half < k.rows) {
        *reinterpret_cast<Vector<std::uint32_t, 2>*>(to + 8 * half * k.outputs + 16 * pair) = both;
      }
    }
  }
}

}  // namespace parallax::cuda
