// Which products panels take, and autograd around them.
#include "core/ttt/batched_product.h"

#include "core/ttt/panel_product.h"

namespace parallax {
namespace {

using fused::AutogradContext;
using fused::variable_list;

// Below these sizes packing costs more than the kernels save.
constexpr int64_t kLeastRows = 16;
constexpr int64_t kLeastInner = 32;

bool is_row_major(const Tensor& x) { return x.stride(-1) == 1; }

bool is_transposed(const Tensor& x) { return !is_row_major(x) && x.stride(-2) == 1; }

bool is_even(int64_t number) { return number % 2 == 0; }

// bfloat16 factors are read as pairs of neighbours along the inner dimension.
bool fits_pairs(const Tensor& a, const Tensor& b) {
  return has_bfloat16_instructions() && kernel_path() == KernelPath::kAvx512 &&
         (is_row_major(a) || a.stride(-2) == 1) && (is_row_major(b) || is_even(b.stride(-1)));
}

bool fills_panels(const Tensor& a, const Tensor& b) {
  if (!has_fused_kernels(a) || a.scalar_type() != b.scalar_type() || a.device() != b.device() ||
      a.dim() < 3 || a.dim() != b.dim()) {
    return false;
  }
  const auto batch = [](const Tensor& x) { return x.sizes().slice(0, x.dim() - 2); };
  return batch(a) == batch(b) && a.size(-1) == b.size(-2) && a.numel() > 0 && b.numel() > 0 &&
         a.size(-2) >= kLeastRows && a.size(-1) >= kLeastInner &&
         b.size(-1) % kernels::kPanelMultiple == 0 && (is_row_major(b) || is_transposed(b)) &&
         (a.scalar_type() != torch::kBFloat16 || fits_pairs(a, b));
}

Tensor as_batch(const Tensor& x) { return x.reshape({-1, x.size(-2), x.size(-1)}); }

template <class T, class C>
void multiply_batch(const kernels::PanelProducts<T, C>& kernel,
                    const Tensor& a,
                    const Tensor& b,
                    const Tensor& c) {
  const bool transposed = is_transposed(b);
  multiply_panels(
      kernel,
      kernels::PanelProduct<T, C>{.rows = a.size(1),
                                  .inner = a.size(2),
                                  .cols = b.size(2),
                                  .a = fused::data<T>(a),
                                  .a_row = a.stride(1),
                                  .a_inner = a.stride(2),
                                  .b = fused::data<T>(b),
                                  .b_stride = transposed ? b.stride(2) : b.stride(1),
                                  .b_transposed = transposed,
                                  .c = fused::data<C>(c),
                                  .c_stride = c.stride(1)},
      BatchStrides{.count = a.size(0), .a = a.stride(0), .b = b.stride(0), .c = c.stride(0)});
}

Tensor multiply_by_panels(const Tensor& a, const Tensor& b, torch::Dtype result) {
  std::vector<int64_t> shape = a.sizes().vec();
  shape.back() = b.size(-1);
  const Tensor c = torch::empty(shape, a.options().dtype(result));
  const Tensor from_a = as_batch(a);
  const Tensor from_b = as_batch(b);
  const Tensor to = as_batch(c);
  if (a.scalar_type() == torch::kFloat64) {
    multiply_batch<double, double>(panel_kernels<double>(), from_a, from_b, to);
  } else if (a.scalar_type() == torch::kFloat32) {
    multiply_batch<float, float>(panel_kernels<float>(), from_a, from_b, to);
  } else if (result == torch::kBFloat16) {
    multiply_batch(kernels::kPanelsOfBfloat16, from_a, from_b, to);
  } else {
    multiply_batch(kernels::kPanelsOfBfloat16ToFloat32, from_a, from_b, to);
  }
  return c;
}

struct ProductFunction : torch::autograd::Function<ProductFunction> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& a,
                        const Tensor& b,
                        torch::Dtype result) {
    context->save_for_backward({a, b});
    return multiply_by_panels(a, b, result);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor& a = saved[0];
    const Tensor& b = saved[1];
    const Tensor gradient = gradients[0].to(a.scalar_type()).contiguous();
    variable_list results(3);
    if (context->needs_input_grad(0)) {
      results[0] = batched_product(gradient, b.transpose(-2, -1));
    }
    if (context->needs_input_grad(1)) {
      results[1] = batched_product(a.transpose(-2, -1), gradient);
    }
    return results;
  }
};

}  // namespace

Tensor batched_product(const Tensor& a, const Tensor& b, std::optional<torch::Dtype> result) {
  const torch::Dtype dtype = result.value_or(a.scalar_type());
  const bool has_kernel =
      dtype == a.scalar_type() || (a.scalar_type() == torch::kBFloat16 && dtype == torch::kFloat32);
  if (!has_kernel || !fills_panels(a, b)) {
    return a.matmul(b).to(dtype);
  }
  return fused::records_graph({a, b}) ? ProductFunction::apply(a, b, dtype)
                                      : multiply_by_panels(a, b, dtype);
}

}  // namespace parallax
