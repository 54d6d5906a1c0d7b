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

}  // namespace parallax::cuda
