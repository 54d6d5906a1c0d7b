// The CUDA kernels as functions of tensors. In a build without CUDA has_cuda_kernels() is always
// false, and the operators throw Error.
#pragma once

#include <c10/core/DeviceGuard.h>

#include <optional>
#include <string>

#include "core/base/torch.h"
#include "core/ops/common/autograd_support.h"

namespace parallax::cuda {

#ifdef PARALLAX_HAS_CUDA
inline constexpr bool kBuiltWithCuda = true;
#else
inline constexpr bool kBuiltWithCuda = false;
#endif

// True where the kernels take this tensor: it is on a GPU, in float32 or bfloat16, and the path in
// use is not the reference.
bool has_cuda_kernels(const Tensor& tensor);

// True where kernels take this tensor, the CPU's (has_fused_kernels) or these.
bool has_kernels(const Tensor& tensor);

// "NVIDIA H100 80GB HBM3"; "CPU" for the CPU.
std::string device_name(torch::Device device);

void* current_stream(const Tensor& tensor);  // a cudaStream_t of the tensor's GPU

[[noreturn]] void refuse_without_cuda(torch::Device device);

// The storage types that launches take.
template <class S>
inline constexpr bool kHasLaunches = kBuiltWithCuda && !std::is_same_v<S, double>;

// Calls f with the stream of the tensor's GPU, which is the current one meanwhile: others cannot be
// launched on. Throws Error in a build without CUDA.
template <class F>
void launch_on(const Tensor& tensor, const F& f) {
  if constexpr (kBuiltWithCuda) {
    const c10::DeviceGuard on_its_device(tensor.device());
    f(current_stream(tensor));
  } else {
    refuse_without_cuda(tensor.device());
  }
}

// Whether the tensor's memory begins where kernels may load kVector elements at once; true on a
// CPU.
bool begins_with_vector(const Tensor& tensor);

// The tensor, dense and beginning with a vector.
Tensor dense_vectors(const Tensor& tensor);

// Forward only; float32 unless noted.

// What linear_scan() may be told besides its steps.
struct ScanOptions {
  Tensor factors = {};  // [batch, count, 1…]; undefined: 1
  Tensor start = {};    // [batch, …]; undefined: 0
  double scale = 1;
  int64_t first = 1;  // keeps the states after `first` steps and on; 0: the start, too
  std::optional<int64_t> kept = std::nullopt;  // so many of them; unset: to the last one
  torch::Dtype dtype = torch::kFloat32;        // of the states: float32 or bfloat16
  bool wants_end = false;
};

// The states, and the one after the last step.
struct ScanResult {
  Tensor states;  // [batch, kept, …]
  Tensor end;     // [batch, …]; undefined where not wanted
};

// states_i = factors_i · states_{i−1} + scale · steps_i
ScanResult linear_scan(const Tensor& steps,  // [batch, count, …] float32 or float16
                       const ScanOptions& options);

// Each matrix times its factor, rounded to float16.
Tensor scaled_to_float16(const Tensor& matrices,  // [batch, …]
                         const Tensor& factors);  // [batch] → [batch, …]

// Each row times its rate.
Tensor scaled_rows(const Tensor& x,      // [..., D] float32 or bfloat16
                   const Tensor& rate);  // [..., 1] → [..., D]

// φ(x) = silu(x W0) ⊙ (x W2), each row times its rate, by one product with both matrices.
Tensor gated_hidden(const Tensor& x,           // [batch, L, D] float32 or bfloat16
                    const Tensor& w0,          // [batch, D, Dh]
                    const Tensor& w2,          // [batch, D, Dh]
                    const Tensor& rate = {});  // [batch, L, 1] or undefined → [batch, L, Dh]

// w / (‖column‖ + eps) · norms
Tensor normalise_columns(const Tensor& w,      // [..., rows, cols]
                         const Tensor& norms,  // [..., 1, cols]
                         double eps);

// How ViT³'s inner nets are trained, in terms of InnerNets (core/ops/cuda/kernel_args.h).
struct InnerNetsRule {
  int64_t heads = 1;
  int64_t rows = 0;  // of the tokens' grid
  int64_t cols = 0;
  bool trains_gate = true;
  bool normalised = true;
  bool applies_to_keys = false;
  double scale = 1;
  double sign = 1;
};

// Whether inner_nets() takes this projection: bfloat16 on a GPU with matrix products for it, heads
// of 32 channels, of each image no more tokens than one block may well read.
bool takes_inner_nets(const Tensor& packed, const InnerNetsRule& rule);

// Each image's inner nets, trained on its tokens and applied to them: the heads' gated units side
// by side, then the convolution.
Tensor inner_nets(const Tensor& packed,        // [B, rows·cols, 3·(heads + 1)·d]
                  const Tensor& rotations,     // [rows·cols, heads·d / 2, 2] or undefined
                  const Tensor& w1,            // [heads, d, d]
                  const Tensor& w2,            // [heads, d, d]
                  const Tensor& w3,            // [d, 9]
                  const InnerNetsRule& rule);  // → [B, rows·cols, (heads + 1)·d]

// Tokens and what LayerNorm makes of them, both [..., C].
struct NormedTokens {
  Tensor tokens;
  Tensor normed;
};

// A LayerNorm's parameters: [C] each, the bias may be undefined.
struct NormWeights {
  Tensor weight;
  Tensor bias = {};
  double eps = 0;
};

// Whether the two functions below take these: bfloat16 on a GPU, without autocast or a graph.
bool takes_token_norm(const Tensor& x, const NormWeights& norm);

Tensor token_norm(const Tensor& x,           // [..., C]
                  const NormWeights& norm);  // → [..., C]

// x plus its depthwise 3×3 convolution, and that normalised.
NormedTokens convolved_token_norm(const Tensor& x,  // [B, rows·cols, C]
                                  int64_t rows,
                                  int64_t cols,
                                  const Tensor& taps,       // [C, 1, 3, 3]
                                  const Tensor& taps_bias,  // [C] or undefined
                                  const NormWeights& norm);

// Whether gelu_linear() takes these: dense bfloat16 of sizes that fit on a Hopper GPU, without
// autocast or a graph.
bool takes_gelu_linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

// gelu(x Wᵀ + b)
Tensor gelu_linear(const Tensor& x,       // [..., in]
                   const Tensor& weight,  // [out, in]
                   const Tensor& bias);   // [out] → [..., out]

// Whether patch_rows() takes these images: dense bfloat16 on a GPU without a graph, with sides that
// are multiples of the patch's, itself a multiple of 8.
bool takes_patch_rows(const Tensor& images, int64_t patch);

// Images cut into square patches, each a row as a convolution's kernel has its elements.
Tensor patch_rows(const Tensor& images,  // [B, C, rows, cols]
                  int64_t patch);        // → [B, rows / patch · cols / patch, C·patch²]

// a b of bfloat16 factors as float32: the sums are not rounded.
Tensor product_in_float32(const Tensor& a,   // [..., rows, inner]
                          const Tensor& b);  // [..., inner, cols] → [..., rows, cols]

}  // namespace parallax::cuda
