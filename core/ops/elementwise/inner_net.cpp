// The inner net: autograd functions around the kernels, and the same operations in LibTorch.
#include "core/ops/common/parallel_for.h"
#include "core/ops/cuda/launch.h"
#include "core/ops/cuda/operators.h"
#include "core/ops/elementwise/fused.h"
#include "core/ops/elementwise/table.h"

namespace parallax {
namespace {

using fused::as_compute;
using fused::as_optional;
using fused::AutogradContext;
using fused::Compute;
using fused::contiguous_or_zeros;
using fused::data;
using fused::elementwise_kernels;
using fused::for_rows;
using fused::OptionalTensor;
using fused::refuse_second_derivative;
using fused::requires_graph;
using fused::variable_list;
using fused::with_storage;

int64_t rows_of(const Tensor& x) { return x.numel() / x.size(-1); }

// Runs a kernel over all rows of `a` and of tensors like it: launched on a GPU, or shared among
// threads.
template <class S, class Kernel, class Launch>
void run_rows(const Tensor& a, const Kernel& kernel, const Launch& launch) {
  if constexpr (cuda::kHasLaunches<S>) {
    if (a.is_cuda()) {
      cuda::launch_on(a, launch);
      return;
    }
  }
  for_rows(rows_of(a), a.size(-1), kernel);
}

Tensor swiglu_forward(const Tensor& a, const Tensor& m, const Tensor& rate) {
  const Tensor h = torch::empty_like(a);
  with_storage(a, [&](auto storage) {
    using S = decltype(storage);
    const kernels::SwiGlu<S> arguments{.width = a.size(-1),
                                       .a = data<S>(a),
                                       .m = data<S>(m),
                                       .rate = data<Compute<S>>(rate),
                                       .h = data<S>(h)};
    run_rows<S>(
        a,
        [&](int64_t begin, int64_t end) { elementwise_kernels<S>().swiglu(arguments, begin, end); },
        [&](auto stream) { cuda::launch_swiglu(arguments, rows_of(a), stream); });
  });
  return h;
}

struct SwiGluFunction : torch::autograd::Function<SwiGluFunction> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& a,
                        const Tensor& m,
                        const OptionalTensor& rate) {
    const Tensor scale = as_compute(rate, a);
    context->save_for_backward({a, m, scale});
    return swiglu_forward(a, m, scale);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    refuse_second_derivative();
    const variable_list saved = context->get_saved_variables();
    const Tensor& a = saved[0];
    const Tensor& m = saved[1];
    const Tensor& rate = saved[2];
    const Tensor gradient = cuda::dense_vectors(gradients[0]);
    const Tensor a_gradient = torch::empty_like(a);
    const Tensor m_gradient = torch::empty_like(m);
    const Tensor rate_gradient = rate.defined() ? torch::empty_like(rate) : Tensor();
    with_storage(a, [&](auto storage) {
      using S = decltype(storage);
      const kernels::SwiGlu<S> arguments{.width = a.size(-1),
                                         .a = data<S>(a),
                                         .m = data<S>(m),
                                         .rate = data<Compute<S>>(rate),
                                         .h_gradient = data<S>(gradient),
                                         .a_gradient = data<S>(a_gradient),
                                         .m_gradient = data<S>(m_gradient),
                                         .rate_gradient = data<Compute<S>>(rate_gradient)};
      run_rows<S>(
          a,
          [&](int64_t begin, int64_t end) {
            elementwise_kernels<S>().swiglu_backward(arguments, begin, end);
          },
          [&](auto stream) { cuda::launch_swiglu_backward(arguments, rows_of(a), stream); });
    });
    return {a_gradient, m_gradient, rate_gradient};
  }
};

template <class S>
kernels::InnerGradients<S> inner_arguments(const variable_list& inputs) {
  return {.width = inputs[0].size(-1),
          .a = data<S>(inputs[0]),
          .m = data<S>(inputs[1]),
          .dh = data<S>(inputs[2]),
          .lr0 = data<Compute<S>>(inputs[3]),
          .lr1 = data<Compute<S>>(inputs[4]),
          .lr2 = data<Compute<S>>(inputs[5])};
}

variable_list inner_factors_forward(const variable_list& inputs) {
  const Tensor& a = inputs[0];
  const variable_list outputs = {torch::empty_like(a), torch::empty_like(a), torch::empty_like(a)};
  with_storage(a, [&](auto storage) {
    using S = decltype(storage);
    auto arguments = inner_arguments<S>(inputs);
    arguments.h = data<S>(outputs[0]);
    arguments.da = data<S>(outputs[1]);
    arguments.dm = data<S>(outputs[2]);
    run_rows<S>(
        a,
        [&](int64_t begin, int64_t end) {
          elementwise_kernels<S>().inner_gradients(arguments, begin, end);
        },
        [&](auto stream) { cuda::launch_inner_gradients(arguments, rows_of(a), stream); });
  });
  return outputs;
}

struct InnerFactorsFunction : torch::autograd::Function<InnerFactorsFunction> {
  static variable_list forward(AutogradContext* context,
                               const Tensor& a,
                               const Tensor& m,
                               const Tensor& dh,
                               const OptionalTensor& lr0,
                               const OptionalTensor& lr1,
                               const OptionalTensor& lr2) {
    const variable_list inputs = {
        a, m, dh, as_compute(lr0, a), as_compute(lr1, a), as_compute(lr2, a)};
    context->save_for_backward(inputs);
    return inner_factors_forward(inputs);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    refuse_second_derivative();
    const variable_list inputs = context->get_saved_variables();
    const Tensor& a = inputs[0];
    const bool rated = inputs[3].defined();
    variable_list results;
    for (size_t i = 0; i < inputs.size(); ++i) {
      results.push_back(i < 3 || rated ? torch::empty_like(inputs[i]) : Tensor());
    }
    const variable_list outer = {cuda::dense_vectors(contiguous_or_zeros(gradients[0], a)),
                                 cuda::dense_vectors(contiguous_or_zeros(gradients[1], a)),
                                 cuda::dense_vectors(contiguous_or_zeros(gradients[2], a))};
    with_storage(a, [&](auto storage) {
      using S = decltype(storage);
      auto arguments = inner_arguments<S>(inputs);
      arguments.h_gradient = data<S>(outer[0]);
      arguments.da_gradient = data<S>(outer[1]);
      arguments.dm_gradient = data<S>(outer[2]);
      arguments.a_gradient = data<S>(results[0]);
      arguments.m_gradient = data<S>(results[1]);
      arguments.dh_gradient = data<S>(results[2]);
      arguments.lr0_gradient = data<Compute<S>>(results[3]);
      arguments.lr1_gradient = data<Compute<S>>(results[4]);
      arguments.lr2_gradient = data<Compute<S>>(results[5]);
      run_rows<S>(
          a,
          [&](int64_t begin, int64_t end) {
            elementwise_kernels<S>().inner_gradients_backward(arguments, begin, end);
          },
          [&](auto stream) {
            cuda::launch_inner_gradients_backward(arguments, rows_of(a), stream);
          });
    });
    return results;
  }
};

Tensor times_rate(const Tensor& x, const Tensor& rate) {
  return rate.defined() ? x * rate.to(x.scalar_type()) : x;
}

InnerFactors inner_factors_reference(const Tensor& a,
                                     const Tensor& m,
                                     const Tensor& dh,
                                     const Tensor& lr0,
                                     const Tensor& lr1,
                                     const Tensor& lr2) {
  const Tensor sigma = a.sigmoid();
  const Tensor activated = a * sigma;
  const Tensor slope = sigma * (1 + a * (1 - sigma));  // silu'(a)
  return {times_rate(activated * m, lr1),
          times_rate(dh * m * slope, lr0),
          times_rate(dh * activated, lr2)};
}

// The kernels take tensors of the same shape, dtype and device; LibTorch broadcasts and promotes
// others.
bool is_fused(const Tensor& a, std::initializer_list<Tensor> others) {
  return cuda::has_kernels(a) && a.numel() > 0 &&
         std::all_of(others.begin(), others.end(), [&](const Tensor& other) {
           return other.sizes() == a.sizes() && other.scalar_type() == a.scalar_type() &&
                  other.device() == a.device();
         });
}

}  // namespace

Tensor swiglu(const Tensor& a, const Tensor& m, const Tensor& rate) {
  if (!is_fused(a, {m})) {
    return times_rate(torch::silu(a) * m, rate);
  }
  const Tensor gate = cuda::dense_vectors(a);
  const Tensor value = cuda::dense_vectors(m);
  return requires_graph({a, m, rate}) ? SwiGluFunction::apply(gate, value, as_optional(rate))
                                      : swiglu_forward(gate, value, as_compute(rate, gate));
}

InnerFactors inner_factors(const Tensor& a,
                           const Tensor& m,
                           const Tensor& dh,
                           const Tensor& lr0,
                           const Tensor& lr1,
                           const Tensor& lr2) {
  if (!is_fused(a, {m, dh})) {
    return inner_factors_reference(a, m, dh, lr0, lr1, lr2);
  }
  const variable_list inputs = {
      cuda::dense_vectors(a), cuda::dense_vectors(m), cuda::dense_vectors(dh)};
  const variable_list outputs = requires_graph({a, m, dh, lr0, lr1, lr2})
                                    ? InnerFactorsFunction::apply(inputs[0],
                                                                  inputs[1],
                                                                  inputs[2],
                                                                  as_optional(lr0),
                                                                  as_optional(lr1),
                                                                  as_optional(lr2))
                                    : inner_factors_forward({inputs[0],
                                                             inputs[1],
                                                             inputs[2],
                                                             as_compute(lr0, a),
                                                             as_compute(lr1, a),
                                                             as_compute(lr2, a)});
  return {outputs[0], outputs[1], outputs[2]};
}

}  // namespace parallax
