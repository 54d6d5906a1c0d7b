// Body of the CUDA kernel that trains ViT³'s two inner nets on an image's tokens and applies them,
// straight from the packed projection. A block takes one head of one image, or an image's
// convolution.
//
// A warp takes 16 tokens at a time. Lane 4g + t loads eight neighbouring channels, from 8t on, of
// tokens g and g + 8. Products sum over channels in any order and may have their columns in any
// order, so that what is loaded is a product's factor as it is, and what comes out is in the same
// place as what is loaded: nothing is moved but for the sums over tokens, whose factors are
// transposed.
#pragma once

#include "core/ops/cuda/inner_convolution_kernels.h"

namespace parallax::cuda {

inline constexpr int kTileTokens = 16;
inline constexpr int kWeightStride = kInnerWidth + 4;  // between rows in shared memory
inline constexpr int kWeightFloats = kInnerWidth * kWeightStride;

// Shared memory of a block of either kind.
inline Grid inner_nets_grid(const InnerNets& k) {
  constexpr std::size_t kGluFloats = 2 * kInnerWarps * kWeightFloats + 2 * kInnerThreads;
  return {k.images * (k.heads + 1), kInnerThreads, kGluFloats * sizeof(float)};
}

// To within a few units in the last place; 0 and 1 far out.
PARALLAX_DEVICE inline float quick_sigmoid(float x) {
#ifdef __CUDA_ARCH__
  return __fdividef(1.0F, 1.0F + __expf(-x));
#else
  return sigmoid(x);
#endif
}

// A lane's part of 16 tokens: g and g + 8.
struct TokenTile {
  EightChannels halves[2];
};

// The channel of a lane's value `column` (0 or 1) in the j-th of four products with eight columns
// each is 8t + offset.
PARALLAX_DEVICE constexpr int channel_offset(int j, int column) { return 4 * column + j; }

// Where the tokens of a part of one head and image are.
struct HeadTokens {
  const BFloat16Bits* from = nullptr;  // the first token's channels
  std::int64_t stride = 0;             // from token to token
  int tokens = 0;
  const float* rotations = nullptr;  // the first token's; null: none
  std::int64_t rotation_stride = 0;
};

PARALLAX_DEVICE inline void rotate(const float* rotations, EightChannels& eight) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float cosine = rotations[2 * i];
    const float sine = rotations[2 * i + 1];
    const float x = low_of(eight.words[i]);
    const float y = high_of(eight.words[i]);
    eight.words[i] = packed_pair(cosine * x - sine * y, sine * x + cosine * y);
  }
}

// Tokens past the last are zero.
PARALLAX_DEVICE inline TokenTile load_tokens(const HeadTokens& head, int first, int lane) {
  TokenTile tile;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int token = first + lane / 4 + 8 * half;
    if (token < head.tokens) {
      const int channel = lane % 4 * kVector;
      tile.halves[half] =
          *reinterpret_cast<const EightChannels*>(head.from + token * head.stride + channel);
      if (head.rotations != nullptr) {
        rotate(head.rotations + token * head.rotation_stride + channel, tile.halves[half]);
      }
    } else {
      tile.halves[half] = EightChannels{};
    }
  }
  return tile;
}

// A weight matrix as the second factor of products with tokens.
struct WeightFactors {
  std::uint32_t b[2][4][2];  // by 16 channels of the tokens, and product of eight columns
};

// Reads the matrix through row(i), which gives where the lane's four columns, from 4g on, of row i
// are.
template <class Row>
PARALLAX_DEVICE WeightFactors weight_factors(int lane, const Row& row) {
  WeightFactors w;
#pragma unroll
  for (int pair = 0; pair < 4; ++pair) {  // of rows
    const auto even = load_vector<4>(row(lane % 4 * 8 + 2 * pair));
    const auto odd = load_vector<4>(row(lane % 4 * 8 + 2 * pair + 1));
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      w.b[pair / 2][j][pair % 2] = packed_pair(even.elements[j], odd.elements[j]);
    }
  }
  return w;
}

// d = the tile times columns 4c + j, c = 0 … 7, of a weight matrix.
template <class Thread>
PARALLAX_DEVICE void multiply_tokens(Thread& thread,
                                     const TokenTile& x,
                                     const WeightFactors& w,
                                     int j,
                                     float (&d)[4]) {
#pragma unroll
  for (float& sum : d) {
    sum = 0;
  }
#pragma unroll
  for (int step = 0; step < 2; ++step) {
    const std::uint32_t a[4] = {x.halves[0].words[2 * step],
                                x.halves[1].words[2 * step],
                                x.halves[0].words[2 * step + 1],
                                x.halves[1].words[2 * step + 1]};
    thread.multiply(d, a, w.b[step][j]);
  }
}

// A lane's sums over tokens kᵀ z: [rows 8(g/2) + 2w + g%2 by w][columns 4c + j by j], as a
// product's result for w and w + 1.
struct OuterSums {
  float d[2][4][4];
};

// Adds kᵀ z for the j-th eight columns of z, given as pairs of columns for tokens g and g + 8.
template <class Thread>
PARALLAX_DEVICE void add_outer(Thread& thread,
                               const std::uint32_t (&k)[2][4],  // transposed
                               std::uint32_t first,
                               std::uint32_t second,
                               int j,
                               OuterSums& sums) {
  const std::uint32_t z[2] = {thread.transposed(first), thread.transposed(second)};
#pragma unroll
  for (int rows = 0; rows < 2; ++rows) {
    const std::uint32_t a[4] = {
        k[0][2 * rows], k[0][2 * rows + 1], k[1][2 * rows], k[1][2 * rows + 1]};
    thread.multiply(sums.d[rows][j], a, z);
  }
}

// Adds one tile's share of the steps: kᵀ dm and kᵀ da.
template <class Thread>
PARALLAX_DEVICE void train_on_tile(Thread& thread,
                                   const TokenTile& k,
                                   const TokenTile& v,
                                   const WeightFactors& w1,
                                   const WeightFactors& w2,
                                   OuterSums& g1,
                                   OuterSums& g2) {
  std::uint32_t turned[2][4];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int word = 0; word < 4; ++word) {
      turned[half][word] = thread.transposed(k.halves[half].words[word]);
    }
  }
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    float a[4];
    float m[4];
    multiply_tokens(thread, k, w2, j, a);
    multiply_tokens(thread, k, w1, j, m);
    float dm[4];
    float da[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int offset = channel_offset(j, i % 2);
      const std::uint32_t pair = v.halves[i / 2].words[offset / 2];
      const float value = offset % 2 == 0 ? low_of(pair) : high_of(pair);
      const float sigma = quick_sigmoid(a[i]);
      dm[i] = value * a[i] * sigma;
      da[i] = value * m[i] * silu_slope(a[i], sigma);
    }
    add_outer(thread, turned, packed_pair(dm[0], dm[1]), packed_pair(dm[2], dm[3]), j, g1);
    add_outer(thread, turned, packed_pair(da[0], da[1]), packed_pair(da[2], da[3]), j, g2);
  }
}

// Stores a warp's sums as a matrix [kInnerWidth, kWeightStride].
PARALLAX_DEVICE inline void store_sums(const OuterSums& sums, int lane, float* to) {
#pragma unroll
  for (int word = 0; word < 4; ++word) {
    const int row = lane / 4 / 2 * 8 + 2 * word + lane / 4 % 2;
#pragma unroll
    for (int column = 0; column < 2; ++column) {
      Vector<float, 4> four;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        four.elements[j] = sums.d[word / 2][j][word % 2 * 2 + column];
      }
      store_vector(four, to + row * kWeightStride + lane % 4 * 8 + 4 * column);
    }
  }
}

// Trained weights in shared memory: rows 8i … 8i + 7 are turned by 8i columns, so that four lanes
// that read rows eight apart do so from different banks.
PARALLAX_DEVICE inline int trained_column(int row, int column) {
  return (column + row / 8 * 8) % kInnerWidth;
}

// Adds up the warps' sums of one matrix and replaces the first ones by the trained weights. A
// thread has eight rows of one column.
template <class Thread>
PARALLAX_DEVICE void train_weights(Thread& thread,
                                   const InnerNets& k,
                                   const float* w,  // [kInnerWidth, kInnerWidth]
                                   bool trains,
                                   float* sums,       // [2, kInnerWarps, kWeightFloats]
                                   float* squares) {  // [kInnerThreads]
  constexpr int kRows = kInnerWidth / kInnerWarps;
  const int column = thread.index() % kInnerWidth;
  const int first = thread.index() / kInnerWidth * kRows;
  float g[kRows];
  float square = 0;
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    float sum = 0;
#pragma unroll
    for (int warp = 0; warp < kInnerWarps; ++warp) {
      sum += sums[warp * kWeightFloats + (first + i) * kWeightStride + column];
    }
    g[i] = trains ? sum * k.scale : 0.0F;
    square += g[i] * g[i];
  }
  squares[thread.index()] = square;
  thread.sync();
  float norm = 0;
#pragma unroll
  for (int warp = 0; warp < kInnerWarps; ++warp) {
    norm += squares[warp * kInnerWidth + column];
  }
  const float step = k.normalised ? k.sign / (square_root(norm) + 1) : k.sign;
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    const int row = first + i;
    sums[row * kWeightStride + trained_column(row, column)] =
        w[row * kInnerWidth + column] + step * g[i];
  }
}

// The trained net's outputs for one tile.
template <class Thread>
PARALLAX_DEVICE void apply_to_tile(Thread& thread,
                                   const TokenTile& q,
                                   const WeightFactors& w1,
                                   const WeightFactors& w2,
                                   int first,
                                   int tokens,
                                   BFloat16Bits* to,  // the head's, of the first token
                                   std::int64_t stride) {
  const int lane = thread.index() % kWarpLanes;
  float f[4][4];
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    float gate[4];
    multiply_tokens(thread, q, w1, j, f[j]);
    multiply_tokens(thread, q, w2, j, gate);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      f[j][i] *= gate[i] * quick_sigmoid(gate[i]);
    }
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int token = first + lane / 4 + 8 * half;
    EightChannels eight;
#pragma unroll
    for (int word = 0; word < 4; ++word) {  // of channels 4 · (word / 2) + j, j even, and the next
      const int j = word % 2 * 2;
      eight.words[word] = packed_pair(f[j][2 * half + word / 2], f[j + 1][2 * half + word / 2]);
    }
    if (token < tokens) {
      *reinterpret_cast<EightChannels*>(to + token * stride + lane % 4 * kVector) = eight;
    }
  }
}

// Trains and applies the gated linear unit of one head and image.
template <class Thread>
PARALLAX_DEVICE void train_and_apply_glu(Thread& thread,
                                         const InnerNets& k,
                                         std::int64_t image,
                                         int head) {
  float* const sums = thread.template shared<float>(2 * kInnerWarps * kWeightFloats);
  float* const squares = thread.template shared<float>(2 * kInnerThreads);
  const int tokens = static_cast<int>(k.rows * k.cols);
  const int lane = thread.index() % kWarpLanes;
  const int warp = thread.index() / kWarpLanes;
  const auto part = [&](int which) {
    return HeadTokens{.from = k.packed + image * tokens * k.packed_stride +
                              (which * k.heads + head) * kInnerWidth,
                      .stride = k.packed_stride,
                      .tokens = tokens,
                      .rotations = k.rotations == nullptr || which == 2
                                       ? nullptr
                                       : k.rotations + head * kInnerWidth,
                      .rotation_stride = k.heads * kInnerWidth};
  };
  const HeadTokens keys = part(1);
  const HeadTokens values = part(2);
  const float* const w1 = k.w1 + head * kInnerWidth * kInnerWidth;
  const float* const w2 = k.w2 + head * kInnerWidth * kInnerWidth;
  constexpr int kStep = kInnerWarps * kTileTokens;
  {
    OuterSums g1 = {};
    OuterSums g2 = {};
    TokenTile key = load_tokens(keys, warp * kTileTokens, lane);
    TokenTile value = load_tokens(values, warp * kTileTokens, lane);
    const auto of = [&](const float* w) {
      return weight_factors(lane, [&](int row) { return w + row * kInnerWidth + lane / 4 * 4; });
    };
    const WeightFactors first = of(w1);
    const WeightFactors second = of(w2);
    for (int tile = warp * kTileTokens; tile < tokens; tile += kStep) {
      const TokenTile next_key = load_tokens(keys, tile + kStep, lane);
      const TokenTile next_value = load_tokens(values, tile + kStep, lane);
      train_on_tile(thread, key, value, first, second, g1, g2);
      key = next_key;
      value = next_value;
    }
    store_sums(g1, lane, sums + warp * kWeightFloats);
    store_sums(g2, lane, sums + (kInnerWarps + warp) * kWeightFloats);
  }
  const HeadTokens queries = part(k.applies_to_keys ? 1 : 0);
  TokenTile query = load_tokens(queries, warp * kTileTokens, lane);
  thread.sync();
  float* const second_sums = sums + kInnerWarps * kWeightFloats;
  train_weights(thread, k, w1, true, sums, squares);
  train_weights(thread, k, w2, k.trains_gate, second_sums, squares + kInnerThreads);
  thread.sync();
  const auto trained = [&](const float* w) {
    return weight_factors(
        lane, [&](int row) { return w + row * kWeightStride + trained_column(row, lane / 4 * 4); });
  };
  const WeightFactors first = trained(sums);
  const WeightFactors second = trained(second_sums);
  const std::int64_t stride = (k.heads + 1) * kInnerWidth;
  BFloat16Bits* const to = k.out + image * tokens * stride + head * kInnerWidth;
  for (int tile = warp * kTileTokens; tile < tokens; tile += kStep) {
    const TokenTile next = load_tokens(queries, tile + kStep, lane);
    apply_to_tile(thread, query, first, second, tile, tokens, to, stride);
    query = next;
  }
}

// What the block does: one of an image's heads, or after the last its convolution.
template <class Thread>
PARALLAX_DEVICE void inner_nets(Thread& thread, const InnerNets& k) {
  const std::int64_t image = thread.block() / (k.heads + 1);
  const int head = static_cast<int>(thread.block() % (k.heads + 1));
  if (head < k.heads) {
    train_and_apply_glu(thread, k, image, head);
  } else {
    train_and_apply_convolution(thread, k, image);
  }
}

}  // namespace parallax::cuda
