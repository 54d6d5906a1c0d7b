// The gates' product on Hopper's tensor cores: weights stay in shared memory, tokens stream past them.
//
// A block has three warp groups. One thread of the first orders copies; the other two groups take
// turns with tiles of kGateRows rows: while one computes its gates' outputs, the other multiplies.
#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <string>

#include "core/base/error.h"
#include "core/ops/cuda/gated_product.h"

namespace parallax::cuda {
namespace {

using kernels::BFloat16Bits;

constexpr int kGroupThreads = 128;
constexpr int kBlockThreads = 3 * kGroupThreads;
constexpr int kWeightTile = kGateColumns * kGateDepth * 2;  // bytes
constexpr int kTokenTile = kGateRows * kGateDepth * 2;      // bytes
constexpr int kAlignment = 1024;                            // of tiles with swizzled rows of 128 bytes
constexpr int kMostBytes = 227 * 1024;                      // of shared memory a block may have
constexpr int kMostStages = 8;

// Token tiles in flight: as many as the weights leave room for. Barriers lie before the tiles.
template <int depths>
constexpr int kStagesOf = std::min((kMostBytes - 2 * kAlignment - depths * kWeightTile) / kTokenTile,
                                   kMostStages);

template <int depths>
constexpr int kSharedBytes =
    2 * kAlignment + depths * kWeightTile + kStagesOf<depths> * kTokenTile;

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) {
    throw Error(
        ErrorParts{.what = std::string("CUDA refused ") + what, .got = cudaGetErrorString(status)});
  }
}

__device__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ void init_barrier(std::uint64_t* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(arrivals)
               : "memory");
}

__device__ void expect_bytes(std::uint64_t* barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(
                   shared_address(barrier)),
               "r"(bytes)
               : "memory");
}

__device__ void arrive(std::uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}

__device__ void wait(std::uint64_t* barrier, int phase) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@done bra.uni ready;\n"
      "bra.uni again;\n"
      "ready:\n"
      "}\n" ::"r"(shared_address(barrier)),
      "r"(phase)
      : "memory");
}

// Copies the box at (column, row, batch) of a described tensor; the barrier learns of its bytes.
__device__ void copy_box(
    void* to, const CUtensorMap& tensor, int column, int row, int batch, std::uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, "
      "%3, %4}], [%5];" ::"r"(shared_address(to)),
      "l"(&tensor),
      "r"(column),
      "r"(row),
      "r"(batch),
      "r"(shared_address(barrier))
      : "memory");
}

// A tile whose rows are 128 bytes, swizzled, as wgmma is told of it: its address and the 1,024 bytes
// from eight rows to the next eight, both in units of 16 bytes.
__device__ std::uint64_t describe_tile(const void* tile) {
  constexpr std::uint64_t kSwizzle128 = std::uint64_t{1} << 62U;
  constexpr std::uint64_t kEightRows = std::uint64_t{1024 >> 4} << 32U;
  constexpr std::uint64_t kUnused = std::uint64_t{1} << 16U;
  return ((shared_address(tile) & 0x3FFFFU) >> 4U) | kUnused | kEightRows | kSwizzle128;
}

// sums (+)= a bᵀ for 16 of the tiles' columns; `adds` is 0 for the first.
__device__ void multiply(float (&d)[128], std::uint64_t a, std::uint64_t b, int adds) {
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "setp.ne.b32 p, %130, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
        "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
        "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
        "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
        "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
        "}, %128, %129, p, 1, 1, 0, 0;\n"
      "}\n"
      :
        "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]),
        "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]),
        "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]),
        "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]),
        "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]),
        "+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]),
        "+f"(d[48]), "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]),
        "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63]),
        "+f"(d[64]), "+f"(d[65]), "+f"(d[66]), "+f"(d[67]), "+f"(d[68]), "+f"(d[69]), "+f"(d[70]), "+f"(d[71]),
        "+f"(d[72]), "+f"(d[73]), "+f"(d[74]), "+f"(d[75]), "+f"(d[76]), "+f"(d[77]), "+f"(d[78]), "+f"(d[79]),
        "+f"(d[80]), "+f"(d[81]), "+f"(d[82]), "+f"(d[83]), "+f"(d[84]), "+f"(d[85]), "+f"(d[86]), "+f"(d[87]),
        "+f"(d[88]), "+f"(d[89]), "+f"(d[90]), "+f"(d[91]), "+f"(d[92]), "+f"(d[93]), "+f"(d[94]), "+f"(d[95]),
        "+f"(d[96]), "+f"(d[97]), "+f"(d[98]), "+f"(d[99]), "+f"(d[100]), "+f"(d[101]), "+f"(d[102]), "+f"(d[103]),
        "+f"(d[104]), "+f"(d[105]), "+f"(d[106]), "+f"(d[107]), "+f"(d[108]), "+f"(d[109]), "+f"(d[110]), "+f"(d[111]),
        "+f"(d[112]), "+f"(d[113]), "+f"(d[114]), "+f"(d[115]), "+f"(d[116]), "+f"(d[117]), "+f"(d[118]), "+f"(d[119]),
        "+f"(d[120]), "+f"(d[121]), "+f"(d[122]), "+f"(d[123]), "+f"(d[124]), "+f"(d[125]), "+f"(d[126]), "+f"(d[127])
      : "l"(a), "l"(b), "r"(adds));
}

__device__ void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ void end_products() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int pending>
__device__ void wait_for_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}

// Computes and stores the outputs of one tile from a thread's sums.
__device__ void store_outputs(const float (&d)[128],
                              const GatedProduct& k,
                              std::int64_t batch,
                              std::int64_t first_row,
                              int first_column,
                              int thread) {
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

template <int depths>
__global__ void __launch_bounds__(kBlockThreads, 1)
    gated_product(const __grid_constant__ CUtensorMap tokens,
                  const __grid_constant__ CUtensorMap weights,
                  const GatedProduct k) {
  constexpr int kStages = kStagesOf<depths>;
  extern __shared__ char memory[];
  char* const aligned =
      memory + (kAlignment - shared_address(memory) % kAlignment) % kAlignment;
  std::uint64_t* const barriers = reinterpret_cast<std::uint64_t*>(aligned);
  std::uint64_t* const has_weights = barriers;
  std::uint64_t* const full = barriers + 1;
  std::uint64_t* const empty = full + kStages;
  std::uint64_t* const turn_ends = empty + kStages;  // of each of the two groups
  char* const weight_tiles = aligned + kAlignment;
  char* const token_tiles = weight_tiles + depths * kWeightTile;

  const int slices = static_cast<int>(k.outputs / kGateOutputs);
  const int groups = static_cast<int>(k.batch) * slices;  // blocks of one share weights
  const int member = static_cast<int>(blockIdx.x) / groups;
  const int members = static_cast<int>(gridDim.x) / groups;
  const int batch = static_cast<int>(blockIdx.x) % groups / slices;
  const int slice = static_cast<int>(blockIdx.x) % groups % slices;
  const int tiles = static_cast<int>((k.rows + kGateRows - 1) / kGateRows);

  if (threadIdx.x == 0) {
    init_barrier(has_weights, 1);
    for (int stage = 0; stage < kStages; ++stage) {
      init_barrier(full + stage, 1);
      init_barrier(empty + stage, kGroupThreads / 32);
    }
    init_barrier(turn_ends, kGroupThreads / 32);
    init_barrier(turn_ends + 1, kGroupThreads / 32);
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  }
  __syncthreads();

  const int group = static_cast<int>(threadIdx.x) / kGroupThreads;
  const int thread = static_cast<int>(threadIdx.x) % kGroupThreads;
  if (group == 0) {
    if (thread == 0) {
      expect_bytes(has_weights, depths * kWeightTile);
      for (int depth = 0; depth < depths; ++depth) {
        copy_box(weight_tiles + depth * kWeightTile,
                 weights,
                 depth * kGateDepth,
                 slice * kGateColumns,
                 batch,
                 has_weights);
      }
      int copies = 0;
      for (int tile = member; tile < tiles; tile += members) {
        for (int depth = 0; depth < depths; ++depth, ++copies) {
          const int stage = copies % kStages;
          if (copies >= kStages) {
            wait(empty + stage, (copies / kStages - 1) & 1);
          }
          expect_bytes(full + stage, kTokenTile);
          copy_box(token_tiles + stage * kTokenTile,
                   tokens,
                   depth * kGateDepth,
                   tile * kGateRows,
                   batch,
                   full + stage);
        }
      }
    }
    return;
  }

  wait(has_weights, 0);
  int turn = 0;
  for (int tile = member; tile < tiles; tile += members, ++turn) {
    const int own = group - 1;
    if (turn % 2 != own) {
      continue;
    }
    // The other group has seen all its copies arrive: a barrier tells only the parity of its phases
    // apart, so that nobody may wait for a phase before the one before it is over.
    if (turn > 0) {
      wait(turn_ends + 1 - own, (turn - 1) / 2 & 1);
    }
    float d[128];
#pragma unroll
    for (int depth = 0; depth < depths; ++depth) {
      const int copies = turn * depths + depth;
      const int stage = copies % kStages;
      wait(full + stage, copies / kStages & 1);
      const std::uint64_t a = describe_tile(token_tiles + stage * kTokenTile);
      const std::uint64_t b = describe_tile(weight_tiles + depth * kWeightTile);
      begin_products();
#pragma unroll
      for (int step = 0; step < kGateDepth / 16; ++step) {  // of 32 bytes
        multiply(d, a + 2 * step, b + 2 * step, depth > 0 || step > 0 ? 1 : 0);
      }
      end_products();
      if (depth > 0) {
        wait_for_products<1>();
        if (thread % 32 == 0) {
          arrive(empty + (copies - 1) % kStages);
        }
      }
    }
    if (thread % 32 == 0) {
      arrive(turn_ends + own);
    }
    wait_for_products<0>();
    if (thread % 32 == 0) {
      arrive(empty + (turn * depths + depths - 1) % kStages);
    }
    store_outputs(d,
                  k,
                  batch,
                  static_cast<std::int64_t>(tile) * kGateRows,
                  slice * kGateOutputs,
                  thread);
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

template <int depths>
void launch(const GatedProduct& k, int multiprocessors, void* stream) {
  const CUtensorMap tokens = describe(k.x, k.batch, k.rows, k.inner, k.x_batch_stride, kGateRows);
  const CUtensorMap weights = describe(
      k.packed, k.batch, 2 * k.outputs, k.inner, 2 * k.outputs * k.inner, kGateColumns);
  check(cudaFuncSetAttribute(gated_product<depths>,
                             cudaFuncAttributeMaxDynamicSharedMemorySize,
                             kSharedBytes<depths>),
        "a kernel's shared memory");
  const auto groups = static_cast<int>(k.batch * (k.outputs / kGateOutputs));
  const int blocks = groups * std::max(1, multiprocessors / groups);
  gated_product<depths><<<static_cast<unsigned>(blocks),
                          kBlockThreads,
                          kSharedBytes<depths>,
                          static_cast<cudaStream_t>(stream)>>>(tokens, weights, k);
  check(cudaGetLastError(), "a kernel");
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
  switch (k.inner / kGateDepth) {
    case 1:
      return launch<1>(k, multiprocessors, stream);
    case 2:
      return launch<2>(k, multiprocessors, stream);
    case 3:
      return launch<3>(k, multiprocessors, stream);
    case 4:
      return launch<4>(k, multiprocessors, stream);
    case 5:
      return launch<5>(k, multiprocessors, stream);
    default:
      return launch<6>(k, multiprocessors, stream);
  }
}

}  // namespace parallax::cuda
