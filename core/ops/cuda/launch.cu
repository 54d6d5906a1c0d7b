// The kernels' entry points on the GPU, for float32 and bfloat16.
#include "core/ops/cuda/launch.h"

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <string>
#include <type_traits>

#include "core/ops/cuda/check.h"
#include "core/ops/cuda/depthwise_kernels.h"
#include "core/ops/cuda/head_kernels.h"
#include "core/ops/cuda/inner_nets_kernels.h"
#include "core/ops/cuda/kernels.h"
#include "core/ops/cuda/token_kernels.h"

namespace parallax::cuda {
namespace {

// One entry point per body: each GPU thread builds its view of the block and runs the body.
struct column_norm_entry {
  template <class Arguments>
  __device__ static void run(DeviceBlock& block, const Arguments& k) {
    column_norm(block, k);
  }
};

struct patch_rows_entry {
  template <class Arguments>
  __device__ static void run(DeviceBlock& block, const Arguments& k) {
    patch_rows(block, k);
  }
};

// Bodies that move `vector` elements at once.
#define PARALLAX_VECTOR_ENTRY_POINT(body)                                \
  template <int vector>                                                  \
  struct body##_entry {                                                  \
    template <class Arguments>                                           \
    __device__ static void run(DeviceBlock& block, const Arguments& k) { \
      body<vector>(block, k);                                            \
    }                                                                    \
  };
// Arguments of a kernel over rows, and their number.
template <class Arguments>
struct Rows {
  Arguments k;
  std::int64_t count = 0;
};
#define PARALLAX_ROW_ENTRY_POINT(body)                                            \
  template <int vector>                                                           \
  struct body##_entry {                                                           \
    template <class Arguments>                                                    \
    __device__ static void run(DeviceBlock& block, const Rows<Arguments>& rows) { \
      body<vector>(block, rows.k, rows.count);                                    \
    }                                                                             \
  };
PARALLAX_ROW_ENTRY_POINT(swiglu)
PARALLAX_ROW_ENTRY_POINT(swiglu_backward)
PARALLAX_ROW_ENTRY_POINT(inner_gradients)
PARALLAX_ROW_ENTRY_POINT(inner_gradients_backward)
#undef PARALLAX_ROW_ENTRY_POINT
PARALLAX_VECTOR_ENTRY_POINT(gated_hidden)
PARALLAX_VECTOR_ENTRY_POINT(scaled_copy)
PARALLAX_VECTOR_ENTRY_POINT(linear_scan)
PARALLAX_VECTOR_ENTRY_POINT(depthwise_convolution)
PARALLAX_VECTOR_ENTRY_POINT(depthwise_correlation)
PARALLAX_VECTOR_ENTRY_POINT(head_rows)
PARALLAX_VECTOR_ENTRY_POINT(head_rows_backward)
#undef PARALLAX_VECTOR_ENTRY_POINT

template <class Body, class Arguments>
__global__ void __launch_bounds__(kThreads) enter(const Arguments k) {
  extern __shared__ __align__(kSharedAlignment) char shared[];
  DeviceBlock block(shared);
  Body::run(block, k);
}

template <class Body, class Arguments>
void launch(const Arguments& k, const Grid& grid, void* stream) {
  if (grid.blocks == 0) {
    return;
  }
  // More than 48 KiB of shared memory must be requested.
  check(cudaFuncSetAttribute(enter<Body, Arguments>,
                             cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(grid.shared_bytes)),
        "a kernel's shared memory");
  enter<Body><<<static_cast<unsigned>(grid.blocks),
                static_cast<unsigned>(grid.threads),
                grid.shared_bytes,
                static_cast<cudaStream_t>(stream)>>>(k);
  check(cudaGetLastError(), "a kernel");
}

__global__ void __launch_bounds__(kInnerThreads, 3) enter_inner_nets(const InnerNets k) {
  extern __shared__ __align__(kSharedAlignment) char shared[];
  DeviceThread thread(shared);
  inner_nets(thread, k);
}

template <int vectors, bool convolves>
__global__ void __launch_bounds__(kNormThreads) enter_token_norm(const TokenNorm k) {
  extern __shared__ __align__(kSharedAlignment) char shared[];
  DeviceThread thread(shared);
  token_norm<vectors, convolves>(thread, k);
}

// Launches a kernel whose threads are DeviceThreads.
template <class Arguments>
void launch_threads(void (*kernel)(Arguments), const Arguments& k, const Grid& grid, void* stream) {
  if (grid.blocks == 0) {
    return;
  }
  kernel<<<static_cast<unsigned>(grid.blocks),
           static_cast<unsigned>(grid.threads),
           grid.shared_bytes,
           static_cast<cudaStream_t>(stream)>>>(k);
  check(cudaGetLastError(), "a kernel");
}

int vector_of(std::int64_t width) { return width % kVector == 0 ? kVector : 1; }

// Launches with vectors where rows of `width` elements are made of whole ones, else element by
// element, over grid_of(elements moved at once). The tensors are whole allocations or start at a
// row, so that their vectors are aligned.
template <template <int> class Entry, class Arguments, class GridOf>
void launch_by_width(const Arguments& k, std::int64_t width, const GridOf& grid_of, void* stream) {
  if (vector_of(width) == kVector) {
    launch<Entry<kVector>>(k, grid_of(kVector), stream);
  } else {
    launch<Entry<1>>(k, grid_of(1), stream);
  }
}

template <template <int> class Entry, class Arguments>
void launch_rows(const Arguments& k, std::int64_t rows, int sums, void* stream) {
  launch_by_width<Entry>(
      Rows<Arguments>{k, rows},
      k.width,
      [&](int vector) { return row_grid(rows, k.width, vector, sums); },
      stream);
}

template <template <int> class Entry, class Arguments>
void launch_vectors(const Arguments& k, std::int64_t elements, std::int64_t width, void* stream) {
  launch_by_width<Entry>(
      k, width, [&](int vector) { return element_grid(elements, vector); }, stream);
}

// `Entry` is head_rows_entry or head_rows_backward_entry.
template <template <int> class Entry, class Arguments>
void launch_heads(const Arguments& k,
                  std::int64_t rows,
                  bool backward,
                  float* weight_partials,
                  void* stream) {
  const std::int64_t width = k.layout.width;
  const HeadRows<Arguments> arguments{.k = k,
                                      .rows = rows,
                                      .lanes = lanes_of(width, vector_of(width)),
                                      .blocks = head_row_blocks(rows, width),
                                      .weight_partials = weight_partials};
  launch_by_width<Entry>(
      arguments, width, [&](int vector) { return head_grid(arguments, vector, backward); }, stream);
}

template <class Arguments>
void launch_head_rows(const Arguments& k, std::int64_t rows, void* stream) {
  launch_heads<head_rows_entry>(k, rows, false, nullptr, stream);
}

template <class Arguments>
void launch_head_rows_backward(const Arguments& k,
                               std::int64_t rows,
                               float* weight_partials,
                               void* stream) {
  launch_heads<head_rows_backward_entry>(k, rows, true, weight_partials, stream);
}

}  // namespace

template <class S>
void launch_depthwise_convolution(const kernels::Depthwise<S>& k, void* stream) {
  launch_vectors<depthwise_convolution_entry>(
      k, k.images * k.to_rows * k.cols * k.channels, k.channels, stream);
}

template <class S>
void launch_depthwise_correlation(const kernels::Depthwise<S>& k, void* stream) {
  launch_by_width<depthwise_correlation_entry>(
      k, k.channels, [&](int vector) { return correlation_grid(k, vector); }, stream);
}

std::int64_t head_row_blocks(std::int64_t rows, std::int64_t width) {
  constexpr std::int64_t kMostBlocks = 2048;  // several for each of a large GPU's processors
  const std::int64_t at_once = kThreads / lanes_of(width, vector_of(width));
  const std::int64_t blocks = (rows + at_once - 1) / at_once;
  return blocks < kMostBlocks ? blocks : kMostBlocks;
}

template <class S>
void launch_split_heads(const kernels::SplitHeads<S>& k, std::int64_t tokens, void* stream) {
  launch_head_rows(k, tokens * k.parts * k.layout.heads, stream);
}

template <class S>
void launch_split_heads_backward(const kernels::SplitHeads<S>& k,
                                 std::int64_t tokens,
                                 float* weight_partials,
                                 void* stream) {
  launch_head_rows_backward(k, tokens * k.parts * k.layout.heads, weight_partials, stream);
}

template <class S>
void launch_merge_heads(const kernels::MergeHeads<S>& k, std::int64_t tokens, void* stream) {
  launch_head_rows(k, tokens * k.layout.heads, stream);
}

template <class S>
void launch_merge_heads_backward(const kernels::MergeHeads<S>& k,
                                 std::int64_t tokens,
                                 float* weight_partials,
                                 void* stream) {
  launch_head_rows_backward(k, tokens * k.layout.heads, weight_partials, stream);
}

template <class S>
void launch_swiglu(const kernels::SwiGlu<S>& k, std::int64_t rows, void* stream) {
  launch_rows<swiglu_entry>(k, rows, 0, stream);
}

template <class S>
void launch_swiglu_backward(const kernels::SwiGlu<S>& k, std::int64_t rows, void* stream) {
  launch_rows<swiglu_backward_entry>(k, rows, 1, stream);
}

template <class S>
void launch_inner_gradients(const kernels::InnerGradients<S>& k, std::int64_t rows, void* stream) {
  launch_rows<inner_gradients_entry>(k, rows, 0, stream);
}

template <class S>
void launch_inner_gradients_backward(const kernels::InnerGradients<S>& k,
                                     std::int64_t rows,
                                     void* stream) {
  launch_rows<inner_gradients_backward_entry>(k, rows, 3, stream);
}

template <class S>
void launch_gated_hidden(const GatedHidden<S>& k, void* stream) {
  launch_vectors<gated_hidden_entry>(k, k.rows * k.width, k.width, stream);
}

template <class In, class Out>
void launch_scaled_copy(const ScaledCopy<In, Out>& k, void* stream) {
  launch_vectors<scaled_copy_entry>(k, k.batch * k.size, k.size, stream);
}

template <class In, class Out>
void launch_linear_scan(const LinearScan<In, Out>& k, void* stream) {
  launch_vectors<linear_scan_entry>(k, k.batch * k.size, k.size, stream);
}

void launch_column_norm(const ColumnNorm& k, void* stream) {
  launch<column_norm_entry>(k, column_norm_grid(k), stream);
}

void launch_patch_rows(const PatchRows& k, void* stream) {
  launch<patch_rows_entry>(k, patch_rows_grid(k), stream);
}

void launch_inner_nets(const InnerNets& k, void* stream) {
  launch_threads<InnerNets>(enter_inner_nets, k, inner_nets_grid(k), stream);
}

void launch_token_norm(const TokenNorm& k, void* stream) {
  static_assert(kMostNormWidth <= kMostNormVectors * kWarpLanes * kVector);
  const auto run = [&](auto vectors) {
    launch_threads<TokenNorm>(
        k.taps == nullptr ? enter_token_norm<vectors, false> : enter_token_norm<vectors, true>,
        k,
        token_norm_grid(k),
        stream);
  };
  switch (norm_vectors(k.width)) {
    case 1:
      return run(std::integral_constant<int, 1>());
    case 2:
      return run(std::integral_constant<int, 2>());
    default:
      return run(std::integral_constant<int, 3>());
  }
}

#define PARALLAX_INSTANTIATE(S)                                                                    \
  template void launch_swiglu<S>(const kernels::SwiGlu<S>&, std::int64_t, void*);                  \
  template void launch_swiglu_backward<S>(const kernels::SwiGlu<S>&, std::int64_t, void*);         \
  template void launch_inner_gradients<S>(const kernels::InnerGradients<S>&, std::int64_t, void*); \
  template void launch_inner_gradients_backward<S>(                                                \
      const kernels::InnerGradients<S>&, std::int64_t, void*);                                     \
  template void launch_depthwise_convolution<S>(const kernels::Depthwise<S>&, void*);              \
  template void launch_depthwise_correlation<S>(const kernels::Depthwise<S>&, void*);              \
  template void launch_split_heads<S>(const kernels::SplitHeads<S>&, std::int64_t, void*);         \
  template void launch_split_heads_backward<S>(                                                    \
      const kernels::SplitHeads<S>&, std::int64_t, float*, void*);                                 \
  template void launch_merge_heads<S>(const kernels::MergeHeads<S>&, std::int64_t, void*);         \
  template void launch_merge_heads_backward<S>(                                                    \
      const kernels::MergeHeads<S>&, std::int64_t, float*, void*);                                 \
  template void launch_gated_hidden<S>(const GatedHidden<S>&, void*);                              \
  template void launch_linear_scan<float, S>(const LinearScan<float, S>&, void*);                  \
  template void launch_linear_scan<Float16Bits, S>(const LinearScan<Float16Bits, S>&, void*);
PARALLAX_INSTANTIATE(float)
PARALLAX_INSTANTIATE(kernels::BFloat16Bits)
#undef PARALLAX_INSTANTIATE
template void launch_scaled_copy<float, Float16Bits>(const ScaledCopy<float, Float16Bits>&, void*);
template void launch_scaled_copy<float, float>(const ScaledCopy<float, float>&, void*);
template void launch_scaled_copy<kernels::BFloat16Bits, kernels::BFloat16Bits>(
    const ScaledCopy<kernels::BFloat16Bits, kernels::BFloat16Bits>&,
    void*);

}  // namespace parallax::cuda
