// φ(x) = silu(x W0) ⊙ (x W2), and gelu(x Wᵀ + b), in one kernel for Hopper GPUs each: the products
// never go through memory.
#pragma once

#include <cstdint>

#include "core/ops/common/device.h"
#include "core/ops/common/kernel_types.h"

namespace parallax::cuda {

// A block of threads keeps kGateOutputs columns of both matrices in shared memory, as kGateColumns
// packed ones, and passes over rows of x, kGateRows at a time.
inline constexpr int kGateOutputs = 128;
inline constexpr int kGateColumns = 2 * kGateOutputs;
inline constexpr int kGateRows = 64;
inline constexpr int kGateDepth = 64;      // of x's columns that are loaded at once
inline constexpr int kMostGateDepths = 6;  // more would not fit into shared memory

// All matrices are dense.
struct GatedProduct {
  std::int64_t batch = 0;
  std::int64_t rows = 0;     // L
  std::int64_t inner = 0;    // D: a multiple of kGateDepth, at most kMostGateDepths of them
  std::int64_t outputs = 0;  // Dh: a multiple of kGateOutputs
  const kernels::BFloat16Bits* x = nullptr;       // [batch, rows, inner]
  std::int64_t x_batch_stride = 0;                // elements between x's batches
  const kernels::BFloat16Bits* packed = nullptr;  // [batch, 2·outputs, inner] by pack_gates
  const float* rate = nullptr;                    // [batch, rows]; null: 1
  kernels::BFloat16Bits* h = nullptr;             // [batch, rows, outputs]
};

// h = gelu(x Wᵀ + b) in one kernel: what comes before the function never goes through memory.
struct GeluLinear {
  std::int64_t rows = 0;
  std::int64_t inner = 0;    // a multiple of kGateDepth, at most kMostGateDepths of them
  std::int64_t outputs = 0;  // a multiple of kGateColumns
  const kernels::BFloat16Bits* x = nullptr;       // [rows, inner]
  const kernels::BFloat16Bits* weight = nullptr;  // [outputs, inner]
  const kernels::BFloat16Bits* bias = nullptr;    // [outputs]
  kernels::BFloat16Bits* h = nullptr;             // [rows, outputs]
};

// Both matrices as GatedProduct wants them.
struct PackGates {
  std::int64_t batch = 0;
  std::int64_t inner = 0;
  std::int64_t outputs = 0;
  const float* w0 = nullptr;  // [batch, inner, outputs]
  const float* w2 = nullptr;
  kernels::BFloat16Bits* packed = nullptr;  // [batch, 2·outputs, inner]
};

// Which column of which matrix a packed one is. Each thread of a warp group ends a product with two
// neighbouring columns of every eight; packed so, these are `a` and `m` of eight neighbouring
// outputs.
struct PackedColumn {
  bool is_value = false;  // of W2, else of W0
  int output = 0;         // within the block's kGateOutputs
};
PARALLAX_DEVICE inline PackedColumn packed_column(int column) {  // below kGateColumns
  const int block = column / 64;  // of 32 outputs: four groups of eight columns of W0, four of W2
  const int group = column % 64 / 8;
  const int pair = column % 8 / 2;
  return {group >= 4, 32 * block + 8 * pair + 2 * (group % 4) + column % 2};
}

// Where the sums of a 64 × kGateColumns product are in a warp group (the layout of wgmma's result):
// thread `thread` has at `index` the sum of this row and column.
struct SumPosition {
  int row = 0;
  int column = 0;
};
PARALLAX_DEVICE inline SumPosition sum_position(int thread, int index) {
  return {thread / 32 * 16 + thread % 32 / 4 + index % 4 / 2 * 8,
          index / 4 * 8 + thread % 4 * 2 + index % 2};
}

// The first of the eight outputs of 32-output block `block` that the thread's sums belong to.
PARALLAX_DEVICE inline int first_output(int thread, int block) {
  return 32 * block + 8 * (thread % 4);
}

// The indices of a and m of output first_output() + `output`, in the row that `half` (0, 1)
// selects.
struct GateIndices {
  int a = 0;
  int m = 0;
};
PARALLAX_DEVICE constexpr GateIndices gate_indices(int block, int output, int half) {
  const int a = (8 * block + output / 2) * 4 + half * 2 + output % 2;
  return {a, a + 16};
}

// Whether the kernel takes these sizes. It needs a Hopper GPU besides.
inline bool takes_gated_product(std::int64_t rows, std::int64_t inner, std::int64_t outputs) {
  return rows >= kGateRows && inner % kGateDepth == 0 && inner > 0 &&
         inner <= kMostGateDepths * kGateDepth && outputs % kGateOutputs == 0 && outputs > 0;
}

inline bool takes_gelu_linear(std::int64_t rows, std::int64_t inner, std::int64_t outputs) {
  return takes_gated_product(rows, inner, outputs) && outputs % kGateColumns == 0;
}

// `stream` is a cudaStream_t; a launch that fails throws Error.
void launch_pack_gates(const PackGates& k, void* stream);
void launch_gated_product(const GatedProduct& k, int multiprocessors, void* stream);
void launch_gelu_linear(const GeluLinear& k, int multiprocessors, void* stream);

}  // namespace parallax::cuda
