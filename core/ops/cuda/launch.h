// Launches of the CUDA kernels, for S = float or BFloat16Bits. `stream` is a cudaStream_t; a launch
// that fails throws Error.
#pragma once

#include "core/ops/cuda/kernel_args.h"

namespace parallax::cuda {

template <class S>
void launch_swiglu(const kernels::SwiGlu<S>& k, std::int64_t rows, void* stream);
template <class S>
void launch_swiglu_backward(const kernels::SwiGlu<S>& k, std::int64_t rows, void* stream);
template <class S>
void launch_inner_gradients(const kernels::InnerGradients<S>& k, std::int64_t rows, void* stream);
template <class S>
void launch_inner_gradients_backward(const kernels::InnerGradients<S>& k,
                                     std::int64_t rows,
                                     void* stream);
template <class S>
void launch_gated_hidden(const GatedHidden<S>& k, void* stream);
template <class In, class Out>
void launch_scaled_copy(const ScaledCopy<In, Out>& k, void* stream);
template <class In, class Out>
void launch_linear_scan(const LinearScan<In, Out>& k, void* stream);
void launch_column_norm(const ColumnNorm& k, void* stream);

// For heads of 32 channels, whose rows begin at a vector.
void launch_inner_nets(const InnerNets& k, void* stream);

// Rows begin at a vector.
inline constexpr std::int64_t kMostNormWidth = 768;
inline bool takes_norm_width(std::int64_t width) {
  return width > 0 && width % kVector == 0 && width <= kMostNormWidth;
}
void launch_token_norm(const TokenNorm& k, void* stream);

// Images begin at a vector.
void launch_patch_rows(const PatchRows& k, void* stream);

// For S = float or BFloat16Bits. Channels whose number is a multiple of kVector must begin at one.
template <class S>
void launch_depthwise_convolution(const kernels::Depthwise<S>& k, void* stream);
template <class S>
void launch_depthwise_correlation(const kernels::Depthwise<S>& k, void* stream);

// The heads' rows of `k`, S = float or BFloat16Bits. A backward pass that wants the weights'
// gradients gets head_row_blocks() shares of them; rows may then be no longer than one vector of
// each lane.
inline bool can_weigh_rows(std::int64_t width) {
  return width <= 32 * (width % kVector == 0 ? kVector : 1);
}
std::int64_t head_row_blocks(std::int64_t rows, std::int64_t width);
template <class S>
void launch_split_heads(const kernels::SplitHeads<S>& k, std::int64_t tokens, void* stream);
template <class S>
void launch_split_heads_backward(const kernels::SplitHeads<S>& k,
                                 std::int64_t tokens,
                                 float* weight_partials,
                                 void* stream);
template <class S>
void launch_merge_heads(const kernels::MergeHeads<S>& k, std::int64_t tokens, void* stream);
template <class S>
void launch_merge_heads_backward(const kernels::MergeHeads<S>& k,
                                 std::int64_t tokens,
                                 float* weight_partials,
                                 void* stream);

}  // namespace parallax::cuda
