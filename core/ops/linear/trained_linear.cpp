// Blocks of rows of x go through the products one after the other, so that what one writes is still
// in the cache for the next; threads share the blocks.
#include "core/ops/linear/trained_linear.h"

#include <ATen/autocast_mode.h>

#include "core/ops/common/parallel_for.h"
#include "core/ops/elementwise/table.h"
#include "core/ops/matmul/threaded_gemm.h"

namespace parallax {
namespace {

using fused::AutogradContext;
using fused::data;
using fused::OptionalTensor;
using fused::variable_list;
using kernels::BFloat16Bits;
using kernels::Gemm;

constexpr int64_t kBlockRows = 256;  // of x

// bfloat16 under autocast, else float32; undefined where products run in another dtype.
torch::Dtype product_dtype(const Tensor& x) {
  return at::autocast::is_autocast_enabled(at::kCPU) ? at::autocast::get_autocast_dtype(at::kCPU)
                                                     : x.scalar_type();
}

template <class S, class B, class C>
const kernels::GemmKernel<S, B, C>& kernel_of() {
  if constexpr (std::is_same_v<S, float>) {
    return gemm_kernels<float>();
  } else {
    return kernels::gemm_of_bfloat16<B, C>();
  }
}

// The right-hand factor of products that share it, packed in advance where the kernel does that.
template <class S>
class SharedFactor {
 public:
  using Product = Gemm<S, float, S>;

  // b is the weight [out, in], for x Wᵀ or, not transposed, for dy W.
  SharedFactor(const Tensor& weight, bool transposed)
      : kernel_(kernel_of<S, float, S>()),
        product_{.inner = weight.size(transposed ? 1 : 0),
                 .cols = weight.size(transposed ? 0 : 1),
                 .a_inner = 1,
                 .b = data<float>(weight),
                 .b_stride = weight.size(1),
                 .b_transposed = transposed} {
    product_.a_row = product_.inner;
    product_.c_stride = product_.cols;
    if (kernel_.pack_b != nullptr) {
      packed_.resize(static_cast<size_t>((product_.inner + 1) / 2 * product_.cols));
      kernel_.pack_b(product_, packed_.data());
      product_.b_vnni = packed_.data();
    }
  }

  // c [rows, cols] = a [rows, inner] b (+ bias [cols]).
  void multiply(int64_t rows,
                const S* a,
                S* c,
                const float* bias,
                AlignedVector<float>& scratch) const {
    Product product = product_;
    product.rows = rows;
    product.a = a;
    product.c = c;
    product.x = bias;  // one row for all
    scratch.resize(static_cast<size_t>(kernel_.scratch(product)));
    kernel_.product(product, 0, product.cols / kernel_.panel_width, scratch.data());
  }

 private:
  const kernels::GemmKernel<S, float, S>& kernel_;
  Product product_;
  AlignedVector<kernels::VnniPair> packed_;
};

// Calls f(first row, number of rows, scratch) for blocks of rows.
template <class F>
void for_blocks(int64_t rows, const F& f) {
  const int64_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    AlignedVector<float> scratch;
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kBlockRows;
      f(first, std::min(kBlockRows, rows - first), scratch);
    }
  });
}

template <class S>
void forward_blocks(const Tensor& x,         // [rows, in]
                    const Tensor& weight,    // [out, in]
                    const Tensor& bias,      // [out] or undefined
                    const Tensor& hidden,    // [rows, out], x Wᵀ + b
                    const Tensor& output) {  // gelu(hidden), or undefined
  const SharedFactor<S> factor(weight, true);
  const int64_t in = x.size(1);
  const int64_t out = weight.size(0);
  for_blocks(x.size(0), [&](int64_t first, int64_t count, AlignedVector<float>& scratch) {
    factor.multiply(
        count, data<S>(x) + first * in, data<S>(hidden) + first * out, data<float>(bias), scratch);
    if (output.defined()) {
      fused::elementwise_kernels<S>().gelu(
          {.x = data<S>(hidden), .y = data<S>(output)}, first * out, (first + count) * out);
    }
  });
}

template <class S>
void input_gradient_blocks(const Tensor& gradient,  // [rows, out]
                           const Tensor& weight,
                           const Tensor& hidden,     // undefined: no activation
                           const Tensor& at_hidden,  // gelu'(hidden) ⊙ gradient, if there is one
                           const Tensor& x_gradient) {  // [rows, in], or undefined
  const SharedFactor<S> factor(weight, false);
  const int64_t out = weight.size(0);
  const int64_t in = weight.size(1);
  const Tensor& of_products = hidden.defined() ? at_hidden : gradient;
  for_blocks(gradient.size(0), [&](int64_t first, int64_t count, AlignedVector<float>& scratch) {
    if (hidden.defined()) {
      fused::elementwise_kernels<S>().gelu_backward(
          {.x = data<S>(hidden), .y_gradient = data<S>(gradient), .x_gradient = data<S>(at_hidden)},
          first * out,
          (first + count) * out);
    }
    if (x_gradient.defined()) {
      factor.multiply(count,
                      data<S>(of_products) + first * out,
                      data<S>(x_gradient) + first * in,
                      nullptr,
                      scratch);
    }
  });
}

// gradientᵀ x, each thread's share of the rows summed on its own.
template <class S>
Tensor weight_gradient(const Tensor& gradient, const Tensor& x) {  // → [out, in] float32
  const int64_t out = gradient.size(1);
  const int64_t in = x.size(1);
  const auto& kernel = kernel_of<S, S, float>();
  const Tensor sums =
      torch::zeros({at::get_num_threads(), out, in}, x.options().dtype(torch::kFloat32));
  for_blocks(x.size(0), [&](int64_t first, int64_t count, AlignedVector<float>& scratch) {
    float* const sum = data<float>(sums) + at::get_thread_num() * out * in;
    const Gemm<S, S, float> product{.rows = out,
                                    .inner = count,
                                    .cols = in,
                                    .a = data<S>(gradient) + first * out,
                                    .a_row = 1,
                                    .a_inner = out,
                                    .b = data<S>(x) + first * in,
                                    .b_stride = in,
                                    .c = sum,
                                    .c_stride = in,
                                    .x = sum,
                                    .xy_stride = in};
    scratch.resize(static_cast<size_t>(kernel.scratch(product)));
    kernel.product(product, 0, in / kernel.panel_width, scratch.data());
  });
  return sums.size(0) == 1 ? sums[0] : sums.sum(0);
}

// Calls f with a value of the products' storage type.
template <class F>
void with_products(torch::Dtype dtype, const F& f) {
  dtype == torch::kBFloat16 ? f(BFloat16Bits{}) : f(float{});
}

struct TrainedLinear : torch::autograd::Function<TrainedLinear> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& x,  // [rows, in]
                        const Tensor& weight,
                        const OptionalTensor& bias,
                        bool gelu) {
    const auto options = x.options();
    const Tensor hidden = torch::empty({x.size(0), weight.size(0)}, options);
    const Tensor output = gelu ? torch::empty_like(hidden) : Tensor();
    const Tensor dense_weight = weight.contiguous();
    with_products(x.scalar_type(), [&](auto storage) {
      forward_blocks<decltype(storage)>(x, dense_weight, bias.value_or(Tensor()), hidden, output);
    });
    context->save_for_backward({x, dense_weight, gelu ? hidden : Tensor()});
    context->saved_data["has_bias"] = bias.has_value();
    return gelu ? output : hidden;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    fused::refuse_second_derivative();
    const variable_list saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor& weight = saved[1];
    const Tensor& hidden = saved[2];
    const Tensor gradient = gradients[0].to(x.scalar_type()).contiguous();
    const Tensor at_hidden = hidden.defined() ? torch::empty_like(gradient) : gradient;
    variable_list results(4);
    if (context->needs_input_grad(0)) {
      results[0] = torch::empty_like(x);
    }
    with_products(x.scalar_type(), [&](auto storage) {
      using S = decltype(storage);
      if (hidden.defined() || results[0].defined()) {
        input_gradient_blocks<S>(gradient, weight, hidden, at_hidden, results[0]);
      }
      if (context->needs_input_grad(1)) {
        results[1] = weight_gradient<S>(at_hidden, x);
      }
    });
    if (context->saved_data["has_bias"].toBool()) {
      results[2] = at_hidden.sum({0}, false, torch::kFloat32);
    }
    return results;
  }
};

}  // namespace

bool can_train_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const torch::Dtype dtype = product_dtype(x);
  const bool has_products =
      dtype == torch::kFloat32 || (dtype == torch::kBFloat16 && has_bfloat16_gemm());
  const auto is_float32 = [](const Tensor& t) { return t.scalar_type() == torch::kFloat32; };
  return has_fused_kernels(x) && fused::requires_graph({x, weight, bias}) && has_products &&
         (is_float32(x) || x.scalar_type() == dtype) && is_float32(weight) &&
         (!bias.defined() || is_float32(bias)) && x.numel() > 0 &&
         is_tile_multiple(weight.size(0)) && is_tile_multiple(weight.size(1));
}

Tensor trained_linear(const Tensor& x,
                      const Tensor& weight,
                      const Tensor& bias,
                      Activation activation) {
  const Tensor rows = x.to(product_dtype(x)).reshape({-1, x.size(-1)}).contiguous();
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = weight.size(0);
  return TrainedLinear::apply(
             rows, weight, fused::as_optional(bias), activation == Activation::kGelu)
      .view(shape);
}

}  // namespace parallax
