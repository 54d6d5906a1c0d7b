// Products on Hopper's tensor cores whose results become outputs before they go to memory: weights
// stay in shared memory, tokens stream past them.
//
// A block has three warp groups. One thread of the first orders copies; the other two groups take
// turns with tiles of kGateRows rows: while one computes its outputs, the other multiplies.
#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <string>

#include "core/base/error.h"
#include "core/ops/cuda/check.h"
#include "core/ops/cuda/gated_product.h"
#include "core/ops/cuda/hopper.h"
#include "core/ops/cuda/token_kernels.h"

namespace parallax::cuda {
namespace {

using kernels::BFloat16Bits;

constexpr int kGroupThreads = 128;
constexpr int kBlockThreads = 3 * kGroupThreads;
constexpr int kWeightTile = kGateColumns * kGateDepth * 2;  // bytes
constexpr int kTokenTile = kGateRows * kGateDepth * 2;      // bytes
constexpr int kAlignment = 1024;        // of tiles with swizzled rows of 128 bytes
constexpr int kMostBytes = 227 * 1024;  // of shared memory a block may have
constexpr int kMostStages = 8;

// Token tiles in flight: as many as the weights leave room for. Barriers lie before the tiles.
template <int depths>
constexpr int kStagesOf = std::min((kMostBytes - 2 * kAlignment - depths * kWeightTile) /
                                       kTokenTile,
                                   kMostStages);

template <int depths>
constexpr int kSharedBytes = 2 * kAlignment + depths* kWeightTile + kStagesOf<depths>* kTokenTile;

// What becomes of the sums of one tile, by the kind of product. A thread has them where
// sum_position() says; `slice` tells which kGateColumns columns of the weights they are of.

// The outputs of gates.
struct GatedOutputs {
  GatedProduct k;

  __host__ __device__ std::int64_t batch() const { return k.batch; }
  __host__ __device__ std::int64_t rows() const { return k.rows; }
  __host__ __device__ int slices() const { return static_cast<int>(k.outputs / kGateOutputs); }

  __device__ void store(const float (&d)[128],
                        std::int64_t batch,
                        std::int64_t first_row,
                        int slice,
                        int thread) const {
    const int first_column = slice * kGateOutputs;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const std::int64_t row = first_row + sum_position(thread, 2 * half).row;
      if (row >= k.rows) {
        continue;
      }
      const std::int64_t token = batch * k.rows + row;
      const float rate = k.rate == nullptr ? 1.0F : k.rate[token];
      BFloat16Bits* const to = k.h + token * k.outputs + first_column;
#pragma unroll
      for (int block = 0; block < 4; ++block) {
        uint4 eight;
        std::uint32_t* const pairs = &eight.x;
#pragma unroll
        for (int pair = 0; pair < 4; ++pair) {
          float h[2];
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            const GateIndices at = gate_indices(block, 2 * pair + i, half);
            const float a = d[at.a];
            h[i] = __fdividef(a, 1.0F + __expf(-a)) * d[at.m] * rate;
          }
          const __nv_bfloat162 rounded = __floats2bfloat162_rn(h[0], h[1]);
          pairs[pair] = *reinterpret_cast<const std::uint32_t*>(&rounded);
        }
        *reinterpret_cast<uint4*>(to + first_output(thread, block)) = eight;
      }
    }
  }
};

// gelu(x Wᵀ + b).
struct GeluOutputs {
  GeluLinear k;

  __host__ __device__ std::int64_t batch() const { return 1; }
  __host__ __device__ std::int64_t rows() const { return k.rows; }
  __host__ __device__ int slices() const { return static_cast<int>(k.outputs / kGateColumns); }

  __device__ void store(const float (&d)[128],
                        std::int64_t /*batch*/,
                        std::int64_t first_row,
                        int slice,
                        int thread) const {
    DeviceThread lanes(nullptr);
    store_gelu(lanes, k, d, first_row, slice, thread);
  }
};

// A block's share of the work: rows of one batch element, kGateColumns columns of its weights.
struct Share {
  int batch = 0;
  int slice = 0;
  int first_tile = 0;
  int step = 0;  // tiles from one of the block's to its next
  int tiles = 0;
};

template <class Outputs>
__device__ Share share_of_block(const Outputs& k) {
  const int slices = k.slices();
  const int groups = static_cast<int>(k.batch()) * slices;  // blocks of one share weights
  const int block = static_cast<int>(blockIdx.x);
  return {.batch = block % groups / slices,
          .slice = block % groups % slices,
          .first_tile = block / groups,
          .step = static_cast<int>(gridDim.x) / groups,
          .tiles = static_cast<int>((k.rows() + kGateRows - 1) / kGateRows)};
}

// Where a block's shared memory has what. Copies of token tiles take its stages in turn.
template <int depths>
struct SharedTiles {
  std::uint64_t* has_weights = nullptr;
  std::uint64_t* full = nullptr;       // of each stage
  std::uint64_t* empty = nullptr;      // of each stage
  std::uint64_t* turn_ends = nullptr;  // of each of the two groups that multiply
  char* weights = nullptr;
  char* tokens = nullptr;
};

template <int depths>
__device__ SharedTiles<depths> lay_out(char* memory) {
  char* const aligned = memory + (kAlignment - shared_address(memory) % kAlignment) % kAlignment;
  SharedTiles<depths> shared;
  shared.has_weights = reinterpret_cast<std::uint64_t*>(aligned);
  shared.full = shared.has_weights + 1;
  shared.empty = shared.full + kStagesOf<depths>;
  shared.turn_ends = shared.empty + kStagesOf<depths>;
  shared.weights = aligned + kAlignment;
  shared.tokens = shared.weights + depths * kWeightTile;
  return shared;
}

template <int depths>
__device__ void init_barriers(const SharedTiles<depths>& shared) {
  constexpr int kWarps = kGroupThreads / 32;
  init_barrier(shared.has_weights, 1);
  for (int stage = 0; stage < kStagesOf<depths>; ++stage) {
    init_barrier(shared.full + stage, 1);
    init_barrier(shared.empty + stage, kWarps);
  }
  init_barrier(shared.turn_ends, kWarps);
  init_barrier(shared.turn_ends + 1, kWarps);
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Orders all copies of a block; one thread's work.
template <int depths>
__device__ void order_copies(const SharedTiles<depths>& shared,
                             const Share& share,
                             const CUtensorMap& tokens,
                             const CUtensorMap& weights) {
  constexpr int kStages = kStagesOf<depths>;
  expect_bytes(shared.has_weights, depths * kWeightTile);
  for (int depth = 0; depth < depths; ++depth) {
    copy_box(shared.weights + depth * kWeightTile,
             weights,
             depth * kGateDepth,
             share.slice * kGateColumns,
             share.batch,
             shared.has_weights);
  }
  int copies = 0;
  for (int tile = share.first_tile; tile < share.tiles; tile += share.step) {
    for (int depth = 0; depth < depths; ++depth, ++copies) {
      const int stage = copies % kStages;
      if (copies >= kStages) {
        wait(shared.empty + stage, (copies / kStages - 1) & 1);
      }
      expect_bytes(shared.full + stage, kTokenTile);
      copy_box(shared.tokens + stage * kTokenTile,
               tokens,
               depth * kGateDepth,
               tile * kGateRows,
               share.batch,
               shared.full + stage);
    }
  }
}

// The sums of the `turn`-th tile of a block. The stages are given back as soon as they were read.
template <int depths>
__device__ void multiply_tile(const SharedTiles<depths>& shared,
                              int turn,
                              int own,
                              bool speaks,
                              float (&d)[128]) {
  constexpr int kStages = kStagesOf<depths>;
#pragma unroll
  for (int depth = 0; depth < depths; ++depth) {
    const int copies = turn * depths + depth;
    const int stage = copies % kStages;
    wait(shared.full + stage, copies / kStages & 1);
    const std::uint64_t a = describe_tile(shared.tokens + stage * kTokenTile);
    const std::uint64_t b = describe_tile(shared.weights + depth * kWeightTile);
    begin_products();
#pragma unroll
    for (int step = 0; step < kGateDepth / 16; ++step) {  // of 32 bytes
      multiply(d, a + 2 * step, b + 2 * step, depth > 0 || step > 0 ? 1 : 0);
    }
    end_products();
    if (depth > 0) {
      wait_for_products<1>();
      if (speaks) {
        arrive(shared.empty + (copies - 1) % kStages);
      }
    }
  }
  if (speaks) {
    arrive(shared.turn_ends + own);
  }
  wait_for_products<0>();
  if (speaks) {
    arrive(shared.empty + (turn * depths + depths - 1) % kStages);
  }
}

template <int depths, class Outputs>
__global__ void __launch_bounds__(kBlockThreads, 1)
    product_of_tokens(const __grid_constant__ CUtensorMap tokens,
                      const __grid_constant__ CUtensorMap weights,
                      const Outputs k) {
  extern __shared__ char memory[];
  const SharedTiles<depths> shared = lay_out<depths>(memory);
  const Share share = share_of_block(k);
  if (threadIdx.x == 0) {
    init_barriers(shared);
  }
  __syncthreads();

  const int group = static_cast<int>(threadIdx.x) / kGroupThreads;
  const int thread = static_cast<int>(threadIdx.x) % kGroupThreads;
  if (group == 0) {
    if (thread == 0) {
      order_copies(shared, share, tokens, weights);
    }
    return;
  }
  const int own = group - 1;
  wait(shared.has_weights, 0);
  int turn = 0;
  for (int tile = share.first_tile; tile < share.tiles; tile += share.step, ++turn) {
    if (turn % 2 != own) {
      continue;
    }
    // The other group has seen all its copies arrive: a barrier tells only the parity of its phases
    // apart, so that nobody may wait for a phase before the one before it is over.
    if (turn > 0) {
      wait(shared.turn_ends + 1 - own, (turn - 1) / 2 & 1);
    }
    float d[128];
    multiply_tile(shared, turn, own, thread % 32 == 0, d);
    k.store(d, share.batch, static_cast<std::int64_t>(tile) * kGateRows, share.slice, thread);
  }
}

// Describes bfloat16 matrices [batch, rows, columns] and the box that one copy brings.
CUtensorMap describe(const void* data,
                     std::int64_t batch,
                     std::int64_t rows,
                     std::int64_t columns,
                     std::int64_t batch_stride,
                     int box_rows) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  check(cudaGetDriverEntryPointByVersion(
            "cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found),
        "a tensor's description");
  if (found != cudaDriverEntryPointSuccess) {
    throw Error("the GPU's driver is too old for tensor copies: it needs CUDA 12");
  }
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(columns),
                              static_cast<cuuint64_t>(rows),
                              static_cast<cuuint64_t>(batch)};
  const cuuint64_t strides[] = {static_cast<cuuint64_t>(columns * 2),
                                static_cast<cuuint64_t>(batch_stride * 2)};  // bytes
  const cuuint32_t box[] = {kGateDepth, static_cast<cuuint32_t>(box_rows), 1};
  const cuuint32_t steps[] = {1, 1, 1};
  CUtensorMap map;
  const CUresult status = reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function)(
      &map,
      CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
      3,
      const_cast<void*>(data),
      sizes,
      strides,
      box,
      steps,
      CU_TENSOR_MAP_INTERLEAVE_NONE,
      CU_TENSOR_MAP_SWIZZLE_128B,
      CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
      CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS) {
    throw Error(ErrorParts{.what = "the GPU's driver refused a tensor's description",
                           .got = std::to_string(static_cast<int>(status))});
  }
  return map;
}

template <int depths, class Outputs>
void launch(const Outputs& outputs,
            const CUtensorMap& tokens,
            const CUtensorMap& weights,
            int multiprocessors,
            void* stream) {
  check(cudaFuncSetAttribute(product_of_tokens<depths, Outputs>,
                             cudaFuncAttributeMaxDynamicSharedMemorySize,
                             kSharedBytes<depths>),
        "a kernel's shared memory");
  const auto groups = static_cast<int>(outputs.batch()) * outputs.slices();
  const int blocks = groups * std::max(1, multiprocessors / groups);
  product_of_tokens<depths, Outputs>
      <<<static_cast<unsigned>(blocks),
         kBlockThreads,
         kSharedBytes<depths>,
         static_cast<cudaStream_t>(stream)>>>(tokens, weights, outputs);
  check(cudaGetLastError(), "a kernel");
}

// Launches the kernel for so many depths of kGateDepth columns of x.
template <class Outputs>
void launch_depths(std::int64_t depths,
                   const Outputs& outputs,
                   const CUtensorMap& tokens,
                   const CUtensorMap& weights,
                   int multiprocessors,
                   void* stream) {
  switch (depths) {
    case 1:
      return launch<1>(outputs, tokens, weights, multiprocessors, stream);
    case 2:
      return launch<2>(outputs, tokens, weights, multiprocessors, stream);
    case 3:
      return launch<3>(outputs, tokens, weights, multiprocessors, stream);
    case 4:
      return launch<4>(outputs, tokens, weights, multiprocessors, stream);
    case 5:
      return launch<5>(outputs, tokens, weights, multiprocessors, stream);
    default:
      return launch<6>(outputs, tokens, weights, multiprocessors, stream);
  }
}

// One thread per packed element.
__global__ void pack_gates(const PackGates k) {
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t columns = 2 * k.outputs;
  if (at >= k.batch * columns * k.inner) {
    return;
  }
  const std::int64_t row = at % k.inner;
  const std::int64_t column = at / k.inner % columns;
  const std::int64_t batch = at / k.inner / columns;
  const PackedColumn from = packed_column(static_cast<int>(column % kGateColumns));
  const std::int64_t output = column / kGateColumns * kGateOutputs + from.output;
  const float* const w = from.is_value ? k.w2 : k.w0;
  const __nv_bfloat16 rounded =
      __float2bfloat16_rn(w[(batch * k.inner + row) * k.outputs + output]);
  k.packed[at].bits = __bfloat16_as_ushort(rounded);
}

}  // namespace

void launch_pack_gates(const PackGates& k, void* stream) {
  constexpr int kThreads = 256;
  const std::int64_t elements = k.batch * 2 * k.outputs * k.inner;
  pack_gates<<<static_cast<unsigned>((elements + kThreads - 1) / kThreads),
               kThreads,
               0,
               static_cast<cudaStream_t>(stream)>>>(k);
  check(cudaGetLastError(), "a kernel");
}

void launch_gated_product(const GatedProduct& k, int multiprocessors, void* stream) {
  launch_depths(
      k.inner / kGateDepth,
      GatedOutputs{k},
      describe(k.x, k.batch, k.rows, k.inner, k.x_batch_stride, kGateRows),
      describe(k.packed, k.batch, 2 * k.outputs, k.inner, 2 * k.outputs * k.inner, kGateColumns),
      multiprocessors,
      stream);
}

void launch_gelu_linear(const GeluLinear& k, int multiprocessors, void* stream) {
  launch_depths(k.inner / kGateDepth,
                GeluOutputs{k},
                describe(k.x, 1, k.rows, k.inner, k.rows * k.inner, kGateRows),
                describe(k.weight, 1, k.outputs, k.inner, k.outputs * k.inner, kGateColumns),
                multiprocessors,
                stream);
}

}  // namespace parallax::cuda
