// Chooses the products that run on our own kernels; autograd around these.
#include "core/ops/matmul/batched_matmul.h"

#include "core/ops/cuda/operators.h"
#include "core/ops/matmul/threaded_gemm.h"

namespace parallax {
namespace {

using fused::AutogradContext;
using fused::variable_list;

// Below these sizes packing costs more than the kernels save.
constexpr int64_t kLeastRows = 8;
constexpr int64_t kLeastInner = 8;

bool is_row_major(const Tensor& x) { return x.stride(-1) == 1; }

bool is_transposed(const Tensor& x) { return !is_row_major(x) && x.stride(-2) == 1; }

Tensor transposed(const Tensor& x) { return x.transpose(-2, -1); }

// Whether there is a kernel for these dtypes.
bool has_kernel(torch::Dtype a, torch::Dtype b, torch::Dtype result) {
  if (a == torch::kBFloat16) {
    const auto is_known = [](torch::Dtype x) {
      return x == torch::kBFloat16 || x == torch::kFloat32;
    };
    return has_bfloat16_gemm() && is_known(b) && is_known(result);
  }
  return a == b && a == result;
}

bool takes(const Tensor& a, const Tensor& b) {
  if (!has_fused_kernels(a) || a.device() != b.device() || a.dim() < 3 || a.dim() != b.dim()) {
    return false;
  }
  const auto batch = [](const Tensor& x) { return x.sizes().slice(0, x.dim() - 2); };
  return batch(a) == batch(b) && a.size(-1) == b.size(-2) && a.numel() > 0 && b.numel() > 0 &&
         a.size(-2) >= kLeastRows && a.size(-1) >= kLeastInner && is_tile_multiple(b.size(-1)) &&
         (is_row_major(b) || is_transposed(b)) &&
         // bfloat16 factors are read as pairs of neighbours along either dimension.
         (a.scalar_type() != torch::kBFloat16 || is_row_major(a) || a.stride(-2) == 1);
}

// Reshaped to [outer, inner, rows, cols].
Tensor batch_of(const Tensor& x) {
  return x.dim() == 3 ? x.unsqueeze(0) : x.reshape({-1, x.size(-3), x.size(-2), x.size(-1)});
}

ProductBatch::Strides batch_strides(const Tensor& x) { return {x.stride(0), x.stride(1)}; }

template <class A, class B, class C>
void multiply_batch(const kernels::GemmKernel<A, B, C>& kernel,
                    const Tensor& a,
                    const Tensor& b,
                    const Tensor& c,
                    bool a_is_upper) {
  const bool transposed = is_transposed(b);
  threaded_gemm(kernel,
                kernels::Gemm<A, B, C>{.rows = a.size(2),
                                       .inner = a.size(3),
                                       .cols = b.size(3),
                                       .a = fused::data<A>(a),
                                       .a_row = a.stride(2),
                                       .a_inner = a.stride(3),
                                       .a_is_upper = a_is_upper,
                                       .b = fused::data<B>(b),
                                       .b_stride = transposed ? b.stride(3) : b.stride(2),
                                       .b_transposed = transposed,
                                       .c = fused::data<C>(c),
                                       .c_stride = c.stride(2)},
                ProductBatch{.outer = a.size(0),
                             .inner = a.size(1),
                             .a = batch_strides(a),
                             .b = batch_strides(b),
                             .c = batch_strides(c)});
}

// Calls f with values of b's and of the result's storage types, bfloat16 or float32.
template <class F>
void with_low_precision(const Tensor& b, const Tensor& c, const F& f) {
  const auto with_b = [&](auto of_b) {
    c.scalar_type() == torch::kBFloat16 ? f(of_b, kernels::BFloat16Bits{}) : f(of_b, float{});
  };
  b.scalar_type() == torch::kBFloat16 ? with_b(kernels::BFloat16Bits{}) : with_b(float{});
}

Tensor multiply_by_gemm(const Tensor& a, const Tensor& b, torch::Dtype result, bool a_is_upper) {
  std::vector<int64_t> shape = a.sizes().vec();
  shape.back() = b.size(-1);
  const Tensor c = torch::empty(shape, a.options().dtype(result));
  const Tensor from_a = batch_of(a);
  const Tensor from_b = batch_of(b);
  const Tensor to = batch_of(c);
  if (a.scalar_type() == torch::kFloat64) {
    multiply_batch(gemm_kernels<double>(), from_a, from_b, to, a_is_upper);
  } else if (a.scalar_type() == torch::kFloat32) {
    multiply_batch(gemm_kernels<float>(), from_a, from_b, to, a_is_upper);
  } else {
    with_low_precision(b, c, [&](auto of_b, auto of_c) {
      multiply_batch(kernels::gemm_of_bfloat16<decltype(of_b), decltype(of_c)>(),
                     from_a,
                     from_b,
                     to,
                     a_is_upper);
    });
  }
  return c;
}

struct ProductFunction : torch::autograd::Function<ProductFunction> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& a,
                        const Tensor& b,
                        torch::Dtype result,
                        bool a_is_upper) {
    context->save_for_backward({a, b});
    return multiply_by_gemm(a, b, result, a_is_upper);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor& a = saved[0];
    const Tensor& b = saved[1];
    const Tensor gradient = gradients[0].to(a.scalar_type()).contiguous();
    variable_list results(4);
    // A factor's gradient is stored as the factor is, transposed or not: what produced it wants its
    // gradient dense.
    if (context->needs_input_grad(0)) {
      results[0] = is_transposed(a)
                       ? transposed(batched_product(b.to(a.scalar_type()), transposed(gradient)))
                       : batched_product(gradient, transposed(b));
    }
    if (context->needs_input_grad(1)) {
      const ProductOptions as_b{.result = b.scalar_type()};
      results[1] = is_transposed(b) ? transposed(batched_product(transposed(gradient), a, as_b))
                                    : batched_product(transposed(a), gradient, as_b);
    }
    return results;
  }
};

}  // namespace

Tensor batched_product(const Tensor& a, const Tensor& b, const ProductOptions& options) {
  const torch::Dtype result = options.result.value_or(a.scalar_type());
  if (result == torch::kFloat32 && a.scalar_type() == torch::kBFloat16 &&
      cuda::has_cuda_kernels(a) && !fused::requires_graph({a, b})) {
    return cuda::product_in_float32(a, b.to(torch::kBFloat16));
  }
  if (!has_kernel(a.scalar_type(), b.scalar_type(), result) || !takes(a, b)) {
    return a.matmul(b.to(a.scalar_type())).to(result);
  }
  return fused::requires_graph({a, b}) ? ProductFunction::apply(a, b, result, options.a_is_upper)
                                       : multiply_by_gemm(a, b, result, options.a_is_upper);
}

}  // namespace parallax
