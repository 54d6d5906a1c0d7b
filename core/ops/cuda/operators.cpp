// Allocates the kernels' results and launches the kernels.
#include "core/ops/cuda/operators.h"

#ifdef PARALLAX_HAS_CUDA
#include <c10/cuda/CUDAStream.h>
#endif

#include "core/ops/cuda/launch.h"

namespace parallax::cuda {
namespace {

// Calls f with the tensor's stream. Throws Error in a build without CUDA.
template <class F>
void launch_on(const Tensor& tensor, const F& f) {
  if constexpr (kBuiltWithCuda) {
    f(current_stream(tensor));
  } else {
    throw Error(ErrorParts{.what = "this program was built without CUDA",
                           .where = tensor.device().str(),
                           .remedy = "Build the preset `cuda`."});
  }
}

const float* floats(const Tensor& tensor) { return fused::data<float>(tensor); }

}  // namespace

bool has_cuda_kernels(const Tensor& tensor) {
  const auto dtype = tensor.scalar_type();
  return kBuiltWithCuda && tensor.is_cuda() &&
         (dtype == torch::kFloat32 || dtype == torch::kBFloat16) &&
         kernel_path() != KernelPath::kReference;
}

void* current_stream([[maybe_unused]] const Tensor& tensor) {
#ifdef PARALLAX_HAS_CUDA
  return c10::cuda::getCurrentCUDAStream(tensor.device().index()).stream();
#else
  return nullptr;
#endif
}

Tensor linear_scan(const Tensor& steps, const Tensor& factors, const Tensor& start, double scale) {
  const Tensor from = steps.contiguous();
  const Tensor by = factors.defined() ? factors.contiguous() : factors;
  const Tensor before = start.defined() ? start.contiguous() : start;
  const Tensor states = torch::empty_like(from);
  const int64_t rows = from.size(0) * from.size(1);
  const LinearScan k{.batch = from.size(0),
                     .count = from.size(1),
                     .size = rows > 0 ? from.numel() / rows : 0,
                     .start = floats(before),
                     .factors = floats(by),
                     .steps = floats(from),
                     .scale = static_cast<float>(scale),
                     .states = fused::data<float>(states)};
  launch_on(steps, [&](auto stream) { launch_linear_scan(k, stream); });
  return states;
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

LinearAttentionResult linear_attention(const Tensor& q,
                                       const Tensor& k,
                                       const Tensor& v,
                                       const Tensor& start,
                                       int64_t chunk,
                                       double scale) {
  const Tensor queries = q.contiguous();
  const Tensor keys = k.contiguous();
  const Tensor values = v.contiguous();
  const Tensor before = start.contiguous();
  const LinearAttentionResult result{torch::empty_like(values), torch::empty_like(before)};
  const auto run = [&](auto storage) {
    using S = decltype(storage);
    const LinearAttention<S> arguments{.batch = v.size(0),
                                       .tokens = v.size(1),
                                       .chunk = chunk,
                                       .key_width = k.size(2),
                                       .value_width = v.size(2),
                                       .q = fused::data<S>(queries),
                                       .k = fused::data<S>(keys),
                                       .v = fused::data<S>(values),
                                       .start = floats(before),
                                       .scale = static_cast<float>(scale),
                                       .output = fused::data<S>(result.output),
                                       .end = fused::data<float>(result.end)};
    launch_on(v, [&](auto stream) { launch_linear_attention(arguments, stream); });
  };
  if (v.scalar_type() == torch::kBFloat16) {
    run(kernels::BFloat16Bits{});
  } else {
    run(float{});
  }
  return result;
}

}  // namespace parallax::cuda
