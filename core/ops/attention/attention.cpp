// A head at a time, in blocks of queries whose scores stay in the cache; autograd around it.
#include "core/ops/attention/attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>

#include <cmath>

#include "core/ops/attention/kernels.h"
#include "core/ops/common/parallel_for.h"
#include "core/ops/matmul/threaded_gemm.h"

namespace parallax {
namespace {

using fused::AutogradContext;
using fused::data;
using fused::variable_list;
using kernels::Gemm;

// A block's scores and their like in float32: about a quarter of a core's second-level cache.
constexpr int64_t kBlockElements = 64 * 1024;

template <class S>
const kernels::AttentionKernels<S>& attention_kernels() {
  return fused::table_of<S>(fused::select_table(
      kernels::kAttentionPortable, kernels::kAttentionAvx2, kernels::kAttentionAvx512));
}

// The GEMM kernel with results of type C.
template <class S, class C>
const kernels::GemmKernel<S, S, C>& products_of() {
  if constexpr (std::is_same_v<S, float>) {
    return gemm_kernels<float>();
  } else {
    return kernels::gemm_of_bfloat16<S, C>();
  }
}

// What one head's matrices are like.
struct HeadShape {
  int64_t heads = 0;  // B · H
  int64_t per_batch = 0;
  int64_t tokens = 0;
  int64_t width = 0;

  explicit HeadShape(const Tensor& q)
      : heads(q.size(0) * q.size(1)), per_batch(q.size(1)), tokens(q.size(2)), width(q.size(3)) {}

  float scale() const { return 1.0F / std::sqrt(static_cast<float>(width)); }
  int64_t merged_stride() const { return per_batch * width; }
  // A head's first element in [B, H, N, D] and in [B, N, H·D].
  int64_t parted(int64_t head) const { return head * tokens * width; }
  int64_t merged(int64_t head) const {
    return head / per_batch * tokens * merged_stride() + head % per_batch * width;
  }
  // Queries per block, a multiple of the GEMM kernels' rows.
  int64_t block() const {
    constexpr int64_t kLeast = 32;
    return std::min(tokens, std::max(kLeast, kBlockElements / tokens / kLeast * kLeast));
  }
};

// Row-major matrices that the products read and write, `stride` elements between rows.
template <class T>
struct Rows {
  T* first;
  int64_t stride;

  Rows from(int64_t row) const { return {first + row * stride, stride}; }
};

// Runs products of one thread, whose scratch they share.
template <class S>
class Products {
 public:
  // c = scale · a bᵀ, with a [rows, inner] and b [cols, inner].
  template <class C>
  void by_transposed(int64_t rows,
                     int64_t inner,
                     int64_t cols,
                     Rows<S> a,
                     Rows<S> b,
                     Rows<C> c,
                     float scale) {
    run<C>({.rows = rows,
            .inner = inner,
            .cols = cols,
            .a = a.first,
            .a_row = a.stride,
            .a_inner = 1,
            .b = b.first,
            .b_stride = b.stride,
            .b_transposed = true,
            .c = c.first,
            .c_stride = c.stride,
            .scale = scale});
  }
  // c = a b, with a [rows, inner].
  template <class C>
  void plain(int64_t rows, int64_t inner, int64_t cols, Rows<S> a, Rows<S> b, Rows<C> c) {
    run<C>({.rows = rows,
            .inner = inner,
            .cols = cols,
            .a = a.first,
            .a_row = a.stride,
            .a_inner = 1,
            .b = b.first,
            .b_stride = b.stride,
            .c = c.first,
            .c_stride = c.stride});
  }
  // c = aᵀ b, with a [inner, rows]; where C is float also c += aᵀ b.
  template <class C>
  void of_transposed(int64_t rows,
                     int64_t inner,
                     int64_t cols,
                     Rows<S> a,
                     Rows<S> b,
                     Rows<C> c,
                     [[maybe_unused]] bool adds) {
    Gemm<S, S, C> product{.rows = rows,
                          .inner = inner,
                          .cols = cols,
                          .a = a.first,
                          .a_row = 1,
                          .a_inner = a.stride,
                          .b = b.first,
                          .b_stride = b.stride,
                          .c = c.first,
                          .c_stride = c.stride};
    if constexpr (std::is_same_v<C, float>) {
      product.x = adds ? c.first : nullptr;
      product.xy_stride = c.stride;
    }
    run<C>(product);
  }

 private:
  template <class C>
  void run(const Gemm<S, S, C>& product) {
    const auto& kernel = products_of<S, C>();
    const auto needed = static_cast<size_t>(kernel.scratch(product));
    if (scratch_.size() < needed) {
      scratch_.resize(needed);
    }
    kernel.product(product, 0, product.cols / kernel.panel_width, scratch_.data());
  }

  AlignedVector<float> scratch_;
};

template <class S>
void attend(const Tensor& q,
            const Tensor& k,
            const Tensor& v,
            const Tensor& output,
            const Tensor& log_sums) {
  const HeadShape shape(q);
  const int64_t block = shape.block();
  const int64_t blocks = (shape.tokens + block - 1) / block;
  at::parallel_for(0, shape.heads * blocks, 1, [&](int64_t begin, int64_t end) {
    Products<S> products;
    AlignedVector<float> scores(static_cast<size_t>(block * shape.tokens));
    AlignedVector<S> weights(scores.size());
    for (int64_t i = begin; i < end; ++i) {
      const int64_t head = i / blocks;
      const int64_t first = i % blocks * block;
      const int64_t count = std::min(block, shape.tokens - first);
      const auto rows_of = [&](const Tensor& x) {
        return Rows<S>{data<S>(x) + shape.parted(head), shape.width};
      };
      products.by_transposed(count,
                             shape.width,
                             shape.tokens,
                             rows_of(q).from(first),
                             rows_of(k),
                             Rows<float>{scores.data(), shape.tokens},
                             shape.scale());
      attention_kernels<S>().softmax(
          {.rows = count,
           .cols = shape.tokens,
           .scores = scores.data(),
           .weights = weights.data(),
           .log_sums = data<float>(log_sums) + head * shape.tokens + first});
      products.plain(
          count,
          shape.tokens,
          shape.width,
          Rows<S>{weights.data(), shape.tokens},
          rows_of(v),
          Rows<S>{data<S>(output) + shape.merged(head), shape.merged_stride()}.from(first));
    }
  });
}

// The tensors of the backward pass.
struct AttentionGradients {
  Tensor q, k, v;          // [B, H, N, D]
  Tensor log_sums;         // [B·H, N] float32
  Tensor output_gradient;  // [B, N, H·D]
  Tensor dq, dk, dv;       // as q
};

template <class S>
struct BackwardScratch {
  AlignedVector<float> scores, weights_gradient;  // [block, tokens]
  AlignedVector<S> weights, scores_gradient;
  Tensor dk, dv;  // [tokens, width] float32: sums over blocks

  BackwardScratch(const HeadShape& shape)
      : scores(static_cast<size_t>(shape.block() * shape.tokens)),
        weights_gradient(scores.size()),
        weights(scores.size()),
        scores_gradient(scores.size()),
        dk(torch::empty({shape.tokens, shape.width}, torch::kFloat32)),
        dv(torch::empty_like(dk)) {}
};

// Queries [first, first + count) of a head. dk and dv are of type C: S where the block is all
// queries, else float and added to.
template <class S, class C>
void block_backward(const AttentionGradients& t,
                    const HeadShape& shape,
                    int64_t head,
                    int64_t first,
                    int64_t count,
                    C* dk,
                    C* dv,
                    Products<S>& products,
                    BackwardScratch<S>& scratch) {
  const int64_t tokens = shape.tokens;
  const int64_t width = shape.width;
  const auto rows_of = [&](const Tensor& x) {
    return Rows<S>{data<S>(x) + shape.parted(head), width};
  };
  const Rows<S> q = rows_of(t.q).from(first);
  const Rows<S> gradient =
      Rows<S>{data<S>(t.output_gradient) + shape.merged(head), shape.merged_stride()}.from(first);
  const Rows<S> weights{scratch.weights.data(), tokens};
  const Rows<S> scores_gradient{scratch.scores_gradient.data(), tokens};
  products.by_transposed(count,
                         width,
                         tokens,
                         q,
                         rows_of(t.k),
                         Rows<float>{scratch.scores.data(), tokens},
                         shape.scale());
  products.by_transposed(count,
                         width,
                         tokens,
                         gradient,
                         rows_of(t.v),
                         Rows<float>{scratch.weights_gradient.data(), tokens},
                         1);
  attention_kernels<S>().softmax_backward(
      {.rows = count,
       .cols = tokens,
       .scores = scratch.scores.data(),
       .weights = weights.first,
       .log_sums = data<float>(t.log_sums) + head * tokens + first,
       .scale = shape.scale(),
       .weights_gradient = scratch.weights_gradient.data(),
       .scores_gradient = scores_gradient.first});
  products.plain(count, tokens, width, scores_gradient, rows_of(t.k), rows_of(t.dq).from(first));
  products.of_transposed(tokens, count, width, weights, gradient, Rows<C>{dv, width}, first > 0);
  products.of_transposed(tokens, count, width, scores_gradient, q, Rows<C>{dk, width}, first > 0);
}

template <class S>
void head_backward(const AttentionGradients& t,
                   const HeadShape& shape,
                   int64_t head,
                   Products<S>& products,
                   BackwardScratch<S>& scratch) {
  if (shape.block() == shape.tokens) {
    block_backward(t,
                   shape,
                   head,
                   0,
                   shape.tokens,
                   data<S>(t.dk) + shape.parted(head),
                   data<S>(t.dv) + shape.parted(head),
                   products,
                   scratch);
    return;
  }
  for (int64_t first = 0; first < shape.tokens; first += shape.block()) {
    block_backward(t,
                   shape,
                   head,
                   first,
                   std::min(shape.block(), shape.tokens - first),
                   data<float>(scratch.dk),
                   data<float>(scratch.dv),
                   products,
                   scratch);
  }
  const int64_t batch = head / shape.per_batch;
  t.dk[batch][head % shape.per_batch].copy_(scratch.dk);
  t.dv[batch][head % shape.per_batch].copy_(scratch.dv);
}

template <class S>
void attend_backward(const AttentionGradients& tensors) {
  const HeadShape shape(tensors.q);
  at::parallel_for(0, shape.heads, 1, [&](int64_t begin, int64_t end) {
    Products<S> products;
    BackwardScratch<S> scratch(shape);
    for (int64_t head = begin; head < end; ++head) {
      head_backward(tensors, shape, head, products, scratch);
    }
  });
}

// Calls f with a value of the storage type, which is float32 or bfloat16.
template <class F>
void with_attention_storage(const Tensor& tensor, const F& f) {
  tensor.scalar_type() == torch::kBFloat16 ? f(kernels::BFloat16Bits{}) : f(float{});
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& q,
                        const Tensor& k,
                        const Tensor& v) {
    const Tensor output = torch::empty({q.size(0), q.size(2), q.size(1) * q.size(3)}, q.options());
    const Tensor log_sums =
        torch::empty({q.size(0) * q.size(1), q.size(2)}, q.options().dtype(torch::kFloat32));
    with_attention_storage(
        q, [&](auto storage) { attend<decltype(storage)>(q, k, v, output, log_sums); });
    context->save_for_backward({q, k, v, log_sums});
    return output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    fused::refuse_second_derivative();
    const variable_list saved = context->get_saved_variables();
    const AttentionGradients tensors{.q = saved[0],
                                     .k = saved[1],
                                     .v = saved[2],
                                     .log_sums = saved[3],
                                     .output_gradient = gradients[0].contiguous(),
                                     .dq = torch::empty_like(saved[0]),
                                     .dk = torch::empty_like(saved[0]),
                                     .dv = torch::empty_like(saved[0])};
    with_attention_storage(tensors.q,
                           [&](auto storage) { attend_backward<decltype(storage)>(tensors); });
    return {tensors.dq, tensors.dk, tensors.dv};
  }
};

bool has_attention_kernel(const Tensor& q, const Tensor& k, const Tensor& v) {
  const auto dtype = q.scalar_type();
  return has_fused_kernels(q) &&
         (dtype == torch::kFloat32 || (dtype == torch::kBFloat16 && has_bfloat16_gemm())) &&
         k.scalar_type() == dtype && v.scalar_type() == dtype && k.sizes() == q.sizes() &&
         v.sizes() == q.sizes() && q.numel() > 0 && is_tile_multiple(q.size(2)) &&
         is_tile_multiple(q.size(3));
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v) {
  if (has_attention_kernel(q, k, v)) {
    return AttentionFunction::apply(q.contiguous(), k.contiguous(), v.contiguous());
  }
  return at::scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2);
}

}  // namespace parallax
