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

bool fills_panels(const Tensor& a, const Tensor& b) {
  if (!has_fused_kernels(a) || a.scalar_type() == torch::kBFloat16 ||
      a.scalar_type() != b.scalar_type() || a.device() != b.device() || a.dim() < 3 ||
      a.dim() != b.dim()) {
    return false;
  }
  const auto batch = [](const Tensor& x) { return x.sizes().slice(0, x.dim() - 2); };
  return batch(a) == batch(b) && a.size(-1) == b.size(-2) && a.numel() > 0 && b.numel() > 0 &&
         a.size(-2) >= kLeastRows && a.size(-1) >= kLeastInner &&
         b.size(-1) % kernels::kPanelMultiple == 0 && (is_row_major(b) || is_transposed(b));
}

Tensor as_batch(const Tensor& x) { return x.reshape({-1, x.size(-2), x.size(-1)}); }

template <class T>
void multiply_batch(const Tensor& a, const Tensor& b, const Tensor& c) {
  const kernels::PanelProduct<T> product{.rows = a.size(1),
                                         .inner = a.size(2),
                                         .cols = b.size(2),
                                         .a = a.data_ptr<T>(),
                                         .a_row = a.stride(1),
                                         .a_inner = a.stride(2),
                                         .b = b.data_ptr<T>(),
                                         .b_stride = is_transposed(b) ? b.stride(2) : b.stride(1),
                                         .b_transposed = is_transposed(b),
                                         .c = c.data_ptr<T>(),
                                         .c_stride = c.stride(1)};
  multiply_panels(panel_kernels<T>(),
                  product,
                  {.count = a.size(0), .a = a.stride(0), .b = b.stride(0), .c = c.stride(0)});
}

Tensor product_of(const Tensor& a, const Tensor& b) {
  if (!fills_panels(a, b)) {
    return a.matmul(b);
  }
  std::vector<int64_t> shape = a.sizes().vec();
  shape.back() = b.size(-1);
  const Tensor c = torch::empty(shape, a.options());
  if (a.scalar_type() == torch::kFloat64) {
    multiply_batch<double>(as_batch(a), as_batch(b), as_batch(c));
  } else {
    multiply_batch<float>(as_batch(a), as_batch(b), as_batch(c));
  }
  return c;
}

struct ProductFunction : torch::autograd::Function<ProductFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& a, const Tensor& b) {
    context->save_for_backward({a, b});
    return product_of(a, b);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor& a = saved[0];
    const Tensor& b = saved[1];
    const Tensor gradient = gradients[0].contiguous();
    return {context->needs_input_grad(0) ? batched_product(gradient, b.transpose(-2, -1)) : Tensor(),
            context->needs_input_grad(1) ? batched_product(a.transpose(-2, -1), gradient) : Tensor()};
  }
};

}  // namespace

Tensor batched_product(const Tensor& a, const Tensor& b) {
  if (!fills_panels(a, b)) {
    return a.matmul(b);
  }
  return fused::records_graph({a, b}) ? ProductFunction::apply(a, b) : product_of(a, b);
}

}  // namespace parallax
