// Allocates the kernels' results and launches the kernels.
#include "core/ops/cuda/operators.h"

#include <ATen/autocast_mode.h>

#ifdef PARALLAX_HAS_CUDA
#include <ATen/cuda/CUDAContextLight.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include "core/ops/cuda/gated_product.h"
#include "core/ops/cuda/launch.h"

namespace parallax::cuda {
namespace {

float* floats(const Tensor& tensor) { return fused::data<float>(tensor); }

}  // namespace

bool has_cuda_kernels(const Tensor& tensor) {
  const auto dtype = tensor.scalar_type();
  return kBuiltWithCuda && tensor.is_cuda() &&
         (dtype == torch::kFloat32 || dtype == torch::kBFloat16) &&
         kernel_path() != KernelPath::kReference;
}

bool has_kernels(const Tensor& tensor) {
  return has_fused_kernels(tensor) || has_cuda_kernels(tensor);
}

std::string device_name([[maybe_unused]] torch::Device device) {
#ifdef PARALLAX_HAS_CUDA
  if (device.is_cuda()) {
    return at::cuda::getDeviceProperties(device.index())->name;
  }
#endif
  return "CPU";
}

void* current_stream([[maybe_unused]] const Tensor& tensor) {
#ifdef PARALLAX_HAS_CUDA
  return c10::cuda::getCurrentCUDAStream(tensor.device().index()).stream();
#else
  return nullptr;
#endif
}

void refuse_without_cuda(torch::Device device) {
  throw Error(ErrorParts{.what = "this program was built without CUDA",
                         .where = device.str(),
                         .remedy = "Build the preset `cuda`."});
}

bool begins_with_vector(const Tensor& tensor) {
  return !tensor.is_cuda() ||
         reinterpret_cast<std::uintptr_t>(tensor.data_ptr()) %
                 (static_cast<std::uintptr_t>(kVector) * tensor.element_size()) ==
             0;
}

Tensor dense_vectors(const Tensor& tensor) {
  const Tensor dense = tensor.contiguous();
  return begins_with_vector(dense) ? dense : dense.clone();
}

ScanResult linear_scan(const Tensor& steps, const ScanOptions& options) {
  // The steps of one batch element may be followed by others.
  const bool is_dense = steps.size(0) > 0 && steps[0].is_contiguous() &&
                        steps.stride(0) >= steps[0].numel() && steps.stride(0) % kVector == 0 &&
                        begins_with_vector(steps);
  const Tensor from = is_dense ? steps : dense_vectors(steps);
  const Tensor by = options.factors.defined() ? options.factors.contiguous() : options.factors;
  const Tensor before = options.start.defined() ? options.start.contiguous() : options.start;
  const int64_t batch = from.size(0);
  const int64_t count = from.size(1);
  const int64_t kept = options.kept.value_or(count + 1 - options.first);
  std::vector<int64_t> shape = from.sizes().vec();
  shape[1] = kept;
  ScanResult result{.states = torch::empty(shape, from.options().dtype(options.dtype))};
  if (options.wants_end) {
    shape.erase(shape.begin() + 1);
    result.end = torch::empty(shape, from.options().dtype(torch::kFloat32));
  }
  const auto run = [&](auto in, auto out) {
    using In = decltype(in);
    using Out = decltype(out);
    const LinearScan<In, Out> k{.batch = batch,
                                .count = count,
                                .size = batch * count > 0 ? from.numel() / (batch * count) : 0,
                                .start = floats(before),
                                .factors = floats(by),
                                .steps = fused::data<In>(from),
                                .apart = from.stride(0),
                                .scale = static_cast<float>(options.scale),
                                .first = options.first,
                                .kept = kept,
                                .states = fused::data<Out>(result.states),
                                .end = floats(result.end)};
    launch_on(steps, [&](auto stream) { launch_linear_scan(k, stream); });
  };
  const auto with_out = [&](auto in) {
    options.dtype == torch::kBFloat16 ? run(in, kernels::BFloat16Bits{}) : run(in, float{});
  };
  from.scalar_type() == torch::kHalf ? with_out(Float16Bits{}) : with_out(float{});
  return result;
}

Tensor scaled_to_float16(const Tensor& matrices, const Tensor& factors) {
  const Tensor from = dense_vectors(matrices);
  const Tensor by = factors.contiguous();
  const Tensor to = torch::empty(from.sizes(), from.options().dtype(torch::kHalf));
  const ScaledCopy<float, Float16Bits> k{.batch = from.size(0),
                                         .size = from.numel() / std::max<int64_t>(from.size(0), 1),
                                         .from = floats(from),
                                         .factors = floats(by),
                                         .to = fused::data<Float16Bits>(to)};
  launch_on(matrices, [&](auto stream) { launch_scaled_copy(k, stream); });
  return to;
}

Tensor scaled_rows(const Tensor& x, const Tensor& rate) {
  const Tensor from = dense_vectors(x);
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = 1;
  const Tensor rates = rate.to(torch::kFloat32).expand(shape).contiguous();
  const Tensor to = torch::empty_like(from);
  const auto run = [&](auto storage) {
    using S = decltype(storage);
    const ScaledCopy<S, S> k{.batch = rates.numel(),
                             .size = x.size(-1),
                             .from = fused::data<S>(from),
                             .factors = floats(rates),
                             .to = fused::data<S>(to)};
    launch_on(x, [&](auto stream) { launch_scaled_copy(k, stream); });
  };
  x.scalar_type() == torch::kBFloat16 ? run(kernels::BFloat16Bits{}) : run(float{});
  return to;
}

namespace {

// The major number of the GPU's compute capability: 8 for Ampere, 9 for Hopper; 0 without CUDA.
int generation_of([[maybe_unused]] const Tensor& tensor) {
#ifdef PARALLAX_HAS_CUDA
  return at::cuda::getDeviceProperties(tensor.device().index())->major;
#else
  return 0;
#endif
}

// Rows dense, and matrices apart and at addresses that tensor copies take.
bool takes_tensor_copies(const Tensor& x) {
  return x.numel() > 0 && x.stride(2) == 1 && x.stride(1) == x.size(2) &&
         x.stride(0) >= x.size(1) * x.size(2) && x.stride(0) % kVector == 0 &&
         begins_with_vector(x);
}

// gated_hidden() where the gates stay on the processor.
void run_gated_product([[maybe_unused]] const Tensor& x,
                       [[maybe_unused]] const Tensor& w0,
                       [[maybe_unused]] const Tensor& w2,
                       [[maybe_unused]] const Tensor& rates,
                       [[maybe_unused]] const Tensor& h) {
#ifdef PARALLAX_HAS_CUDA
  const c10::DeviceGuard on_its_device(x.device());
  const Tensor first = w0.to(torch::kFloat32).contiguous();
  const Tensor second = w2.to(torch::kFloat32).contiguous();
  const Tensor packed = torch::empty({w0.size(0), 2 * w0.size(2), w0.size(1)}, x.options());
  const PackGates pack{.batch = w0.size(0),
                       .inner = w0.size(1),
                       .outputs = w0.size(2),
                       .w0 = floats(first),
                       .w2 = floats(second),
                       .packed = fused::data<kernels::BFloat16Bits>(packed)};
  launch_pack_gates(pack, current_stream(x));
  const GatedProduct product{.batch = x.size(0),
                             .rows = x.size(1),
                             .inner = x.size(2),
                             .outputs = w0.size(2),
                             .x = fused::data<kernels::BFloat16Bits>(x),
                             .x_batch_stride = x.stride(0),
                             .packed = pack.packed,
                             .rate = floats(rates),
                             .h = fused::data<kernels::BFloat16Bits>(h)};
  const auto* const device = at::cuda::getDeviceProperties(x.device().index());
  launch_gated_product(product, device->multiProcessorCount, current_stream(x));
#endif
}

}  // namespace

Tensor gated_hidden(const Tensor& x, const Tensor& w0, const Tensor& w2, const Tensor& rate) {
  const Tensor rates = rate.defined()
                           ? rate.to(torch::kFloat32).expand({x.size(0), x.size(1), 1}).contiguous()
                           : rate;
  const Tensor h = torch::empty({x.size(0), x.size(1), w0.size(2)}, x.options());
  if (x.scalar_type() == torch::kBFloat16 && generation_of(x) == 9 && takes_tensor_copies(x) &&
      takes_gated_product(x.size(1), x.size(2), w0.size(2))) {
    run_gated_product(x, w0, w2, rates, h);
    return h;
  }
  const Tensor both = torch::cat({w0, w2}, 2).to(x.scalar_type());
  // [batch, L, 2·Dh], in x's dtype under autocast, too
  const Tensor packed = at::bmm(x, both).to(x.scalar_type());
  const auto run = [&](auto storage) {
    using S = decltype(storage);
    const GatedHidden<S> k{.rows = h.size(0) * h.size(1),
                           .width = h.size(2),
                           .packed = fused::data<S>(packed),
                           .rate = floats(rates),
                           .h = fused::data<S>(h)};
    launch_on(x, [&](auto stream) { launch_gated_hidden(k, stream); });
  };
  x.scalar_type() == torch::kBFloat16 ? run(kernels::BFloat16Bits{}) : run(float{});
  return h;
}

Tensor product_in_float32(const Tensor& a, const Tensor& b) {
  const auto flat = [](const Tensor& x) { return x.flatten(0, -3); };
  std::vector<int64_t> shape = a.sizes().vec();
  shape.back() = b.size(-1);
  return at::bmm(flat(a), flat(b), torch::kFloat32).view(shape);
}

Tensor normalise_columns(const Tensor& w, const Tensor& norms, double eps) {
  const Tensor from = w.contiguous();
  std::vector<int64_t> shape = w.sizes().vec();
  shape[shape.size() - 2] = 1;
  const Tensor lengths = norms.expand(shape).contiguous();
  const Tensor out = torch::empty_like(from);
  const int64_t matrix = w.size(-2) * w.size(-1);
  const ColumnNorm k{.batch = matrix > 0 ? w.numel() / matrix : 0,
                     .rows = w.size(-2),
                     .cols = w.size(-1),
                     .w = floats(from),
                     .norms = floats(lengths),
                     .eps = static_cast<float>(eps),
                     .out = fused::data<float>(out)};
  launch_on(w, [&](auto stream) { launch_column_norm(k, stream); });
  return out;
}

namespace {

bool is_plain_bfloat16(const Tensor& x) {
  return has_cuda_kernels(x) && x.scalar_type() == torch::kBFloat16 &&
         !at::autocast::is_autocast_enabled(at::kCUDA);
}

// Whether a parameter can be read as it is.
bool fits_channels(const Tensor& parameter, int64_t count) {
  return parameter.scalar_type() == torch::kBFloat16 && parameter.is_cuda() &&
         parameter.numel() == count && parameter.is_contiguous() && begins_with_vector(parameter);
}

const kernels::BFloat16Bits* bfloat16s(const Tensor& tensor) {
  return fused::data<kernels::BFloat16Bits>(tensor);
}

// Arguments but for the grid and the results.
TokenNorm norm_arguments(const Tensor& x, const NormWeights& norm) {
  return {.width = x.size(-1),
          .x = bfloat16s(x),
          .weight = bfloat16s(norm.weight),
          .bias = bfloat16s(norm.bias),
          .eps = static_cast<float>(norm.eps)};
}

}  // namespace

bool takes_inner_nets(const Tensor& packed, const InnerNetsRule& rule) {
  constexpr int64_t kMostTokens = 4096;
  return packed.dim() == 3 && packed.numel() > 0 && packed.scalar_type() == torch::kBFloat16 &&
         has_cuda_kernels(packed) && generation_of(packed) >= 8 &&
         packed.size(2) == 3 * (rule.heads + 1) * kInnerWidth && packed.size(1) <= kMostTokens &&
         packed.size(1) == rule.rows * rule.cols && packed.is_contiguous() &&
         begins_with_vector(packed);
}

Tensor inner_nets(const Tensor& packed,
                  const Tensor& rotations,
                  const Tensor& w1,
                  const Tensor& w2,
                  const Tensor& w3,
                  const InnerNetsRule& rule) {
  const auto dense = [](const Tensor& w) {
    return w.defined() ? dense_vectors(w.to(torch::kFloat32)) : w;
  };
  const Tensor turns = dense(rotations);
  const Tensor first = dense(w1);
  const Tensor second = dense(w2);
  const Tensor third = dense(w3);
  const Tensor out =
      torch::empty({packed.size(0), packed.size(1), packed.size(2) / 3}, packed.options());
  const InnerNets k{.images = packed.size(0),
                    .rows = rule.rows,
                    .cols = rule.cols,
                    .heads = rule.heads,
                    .trains_gate = rule.trains_gate,
                    .normalised = rule.normalised,
                    .applies_to_keys = rule.applies_to_keys,
                    .scale = static_cast<float>(rule.scale),
                    .sign = static_cast<float>(rule.sign),
                    .packed = bfloat16s(packed),
                    .packed_stride = packed.stride(1),
                    .rotations = floats(turns),
                    .w1 = floats(first),
                    .w2 = floats(second),
                    .w3 = floats(third),
                    .out = fused::data<kernels::BFloat16Bits>(out)};
  launch_on(packed, [&](auto stream) { launch_inner_nets(k, stream); });
  return out;
}

bool takes_token_norm(const Tensor& x, const NormWeights& norm) {
  return x.dim() >= 2 && x.numel() > 0 && is_plain_bfloat16(x) && x.is_contiguous() &&
         begins_with_vector(x) && takes_norm_width(x.size(-1)) &&
         fits_channels(norm.weight, x.size(-1)) &&
         (!norm.bias.defined() || fits_channels(norm.bias, x.size(-1))) &&
         !fused::requires_graph({x, norm.weight, norm.bias});
}

Tensor token_norm(const Tensor& x, const NormWeights& norm) {
  const Tensor normed = torch::empty_like(x);
  TokenNorm k = norm_arguments(x, norm);
  k.images = 1;
  k.rows = 1;
  k.cols = x.numel() / x.size(-1);
  k.normed = fused::data<kernels::BFloat16Bits>(normed);
  launch_on(x, [&](auto stream) { launch_token_norm(k, stream); });
  return normed;
}

NormedTokens convolved_token_norm(const Tensor& x,
                                  int64_t rows,
                                  int64_t cols,
                                  const Tensor& taps,
                                  const Tensor& taps_bias,
                                  const NormWeights& norm) {
  const auto dense = [](const Tensor& w) {
    return w.defined() ? dense_vectors(w.to(torch::kBFloat16)) : w;
  };
  const Tensor kernel = dense(taps);
  const Tensor shift = dense(taps_bias);
  const NormedTokens result{torch::empty_like(x), torch::empty_like(x)};
  TokenNorm k = norm_arguments(x, norm);
  k.images = x.size(0);
  k.rows = rows;
  k.cols = cols;
  k.taps = bfloat16s(kernel);
  k.taps_bias = bfloat16s(shift);
  k.sum = fused::data<kernels::BFloat16Bits>(result.tokens);
  k.normed = fused::data<kernels::BFloat16Bits>(result.normed);
  launch_on(x, [&](auto stream) { launch_token_norm(k, stream); });
  return result;
}

bool takes_gelu_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return x.dim() >= 2 && x.numel() > 0 && is_plain_bfloat16(x) && generation_of(x) == 9 &&
         bias.defined() && fits_channels(bias, weight.size(0)) &&
         fits_channels(weight, weight.size(0) * x.size(-1)) && x.is_contiguous() &&
         begins_with_vector(x) && !fused::requires_graph({x, weight, bias}) &&
         takes_gelu_linear(x.numel() / x.size(-1), x.size(-1), weight.size(0));
}

Tensor gelu_linear([[maybe_unused]] const Tensor& x,
                   const Tensor& weight,
                   [[maybe_unused]] const Tensor& bias) {
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = weight.size(0);
  const Tensor h = torch::empty(shape, x.options());
#ifdef PARALLAX_HAS_CUDA
  const GeluLinear k{.rows = x.numel() / x.size(-1),
                     .inner = x.size(-1),
                     .outputs = weight.size(0),
                     .x = bfloat16s(x),
                     .weight = bfloat16s(weight),
                     .bias = bfloat16s(bias),
                     .h = fused::data<kernels::BFloat16Bits>(h)};
  const auto* const device = at::cuda::getDeviceProperties(x.device().index());
  launch_on(x, [&](auto stream) { launch_gelu_linear(k, device->multiProcessorCount, stream); });
#else
  refuse_without_cuda(x.device());
#endif
  return h;
}

bool takes_patch_rows(const Tensor& images, int64_t patch) {
  constexpr int64_t kMost = int64_t{1} << 31;  // vectors
  return images.dim() == 4 && images.numel() > 0 && images.numel() / kVector < kMost &&
         has_cuda_kernels(images) && images.scalar_type() == torch::kBFloat16 &&
         images.is_contiguous() && begins_with_vector(images) && patch % kVector == 0 &&
         images.size(2) % patch == 0 && images.size(3) % patch == 0 &&
         !fused::requires_graph({images});
}

Tensor patch_rows(const Tensor& images, int64_t patch) {
  const int64_t tokens = images.size(2) / patch * (images.size(3) / patch);
  const Tensor out =
      torch::empty({images.size(0), tokens, images.size(1) * patch * patch}, images.options());
  const PatchRows k{.images = images.size(0),
                    .channels = images.size(1),
                    .rows = images.size(2),
                    .cols = images.size(3),
                    .patch = patch,
                    .x = bfloat16s(images),
                    .out = fused::data<kernels::BFloat16Bits>(out)};
  launch_on(images, [&](auto stream) { launch_patch_rows(k, stream); });
  return out;
}

}  // namespace parallax::cuda
