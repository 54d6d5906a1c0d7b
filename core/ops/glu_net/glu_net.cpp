// Autograd functions around the kernels.
#include "core/ops/glu_net/glu_net.h"

#include "core/ops/common/aligned_vector.h"
#include "core/ops/common/autograd_support.h"
#include "core/ops/common/parallel_for.h"
#include "core/ops/glu_net/kernels.h"

namespace parallax {
namespace {

using fused::as_compute;
using fused::AutogradContext;
using fused::Compute;
using fused::compute_dtype;
using fused::data;
using fused::refuse_second_derivative;
using fused::requires_graph;
using fused::variable_list;
using fused::with_storage;

template <class S>
const kernels::GluNetKernels<S>& glu_net_kernels() {
  return fused::table_of<S>(
      fused::select_table(kernels::kGluNetPortable, kernels::kGluNetAvx2, kernels::kGluNetAvx512));
}

// q, k and v, dense, in the storage type; weights in the compute type; steps [H, B, d, d].
struct Inputs {
  Tensor q, k, v, w1, w2, g1, g2;
};

template <class S>
kernels::GluNet<S> glu_net_arguments(const Inputs& in, const GluNetRule& rule) {
  return {.images = in.q.size(1),
          .tokens = in.q.size(2),
          .width = in.q.size(3),
          .step_tokens = rule.step_tokens,
          .gated = rule.gated,
          .trains_gate = rule.trains_gate,
          .normalised = rule.normalised,
          .scale = static_cast<Compute<S>>(rule.scale),
          .sign = static_cast<Compute<S>>(rule.sign),
          .q = data<S>(in.q),
          .k = data<S>(in.k),
          .v = data<S>(in.v),
          .w1 = data<Compute<S>>(in.w1),
          .w2 = data<Compute<S>>(in.w2),
          .g1 = data<Compute<S>>(in.g1),
          .g2 = data<Compute<S>>(in.g2),
          .out_stride = in.q.size(0) * in.q.size(3)};
}

// Calls f(begin, end, scratch) over all pairs of head and image, on all threads.
template <class S, class F>
void for_pairs(const Inputs& in, const F& f) {
  const int64_t width = in.q.size(3);
  fused::for_rows(
      in.q.size(0) * in.q.size(1), in.q.size(2) * width * width, [&](int64_t begin, int64_t end) {
        const auto numbers = static_cast<size_t>(glu_net_kernels<S>().scratch(width));
        AlignedVector<Compute<S>> scratch(numbers);
        f(begin, end, scratch.data());
      });
}

// Runs the forward pass and fills in.g1 and in.g2.
Tensor run_forward(const Inputs& in, const GluNetRule& rule) {
  const Tensor out =
      torch::empty({in.q.size(1), in.q.size(2), in.q.size(0) * in.q.size(3)}, in.q.options());
  with_storage(in.q, [&](auto storage) {
    using S = decltype(storage);
    auto arguments = glu_net_arguments<S>(in, rule);
    arguments.out = data<S>(out);
    for_pairs<S>(in, [&](int64_t begin, int64_t end, Compute<S>* scratch) {
      glu_net_kernels<S>().forward(arguments, begin, end, scratch);
    });
  });
  return out;
}

Inputs prepared(const Tensor& q,
                const Tensor& k,
                const Tensor& v,
                const Tensor& w1,
                const Tensor& w2) {
  const auto steps = [&] {
    return torch::empty({q.size(0), q.size(1), q.size(3), q.size(3)},
                        q.options().dtype(compute_dtype(q)));
  };
  return {q.detach().contiguous(),
          k.detach().contiguous(),
          v.detach().contiguous(),
          as_compute(w1, q),
          as_compute(w2, q),
          steps(),
          steps()};
}

struct GluNetFunction : torch::autograd::Function<GluNetFunction> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& q,
                        const Tensor& k,
                        const Tensor& v,
                        const Tensor& w1,
                        const Tensor& w2,
                        const GluNetRule& rule) {
    const Inputs in = prepared(q, k, v, w1, w2);
    const Tensor out = run_forward(in, rule);
    context->save_for_backward({in.q, in.k, in.v, in.w1, in.w2, in.g1, in.g2});
    context->saved_data["flags"] =
        std::vector<int64_t>{rule.gated, rule.trains_gate, rule.normalised};
    context->saved_data["factors"] = std::vector<double>{rule.scale, rule.sign};
    context->saved_data["weight_dtype"] = static_cast<int64_t>(w1.scalar_type());
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    refuse_second_derivative();
    const variable_list saved = context->get_saved_variables();
    const Inputs in = {saved[0], saved[1], saved[2], saved[3], saved[4], saved[5], saved[6]};
    const std::vector<int64_t> flags = context->saved_data["flags"].toIntVector();
    const std::vector<double> factors = context->saved_data["factors"].toDoubleVector();
    const GluNetRule rule{flags[0] != 0, flags[1] != 0, flags[2] != 0, factors[0], factors[1]};
    const Tensor out_gradient = gradients[0].contiguous();
    const variable_list inputs = {
        torch::empty_like(in.q), torch::empty_like(in.k), torch::empty_like(in.v)};
    const variable_list weights = {torch::empty_like(in.g1), torch::empty_like(in.g2)};
    with_storage(in.q, [&](auto storage) {
      using S = decltype(storage);
      auto arguments = glu_net_arguments<S>(in, rule);
      arguments.out_gradient = data<S>(out_gradient);
      arguments.q_gradient = data<S>(inputs[0]);
      arguments.k_gradient = data<S>(inputs[1]);
      arguments.v_gradient = data<S>(inputs[2]);
      arguments.w1_gradient = data<Compute<S>>(weights[0]);
      arguments.w2_gradient = data<Compute<S>>(weights[1]);
      for_pairs<S>(in, [&](int64_t begin, int64_t end, Compute<S>* scratch) {
        glu_net_kernels<S>().backward(arguments, begin, end, scratch);
      });
    });
    const auto dtype = static_cast<torch::Dtype>(context->saved_data["weight_dtype"].toInt());
    return {inputs[0],
            inputs[1],
            inputs[2],
            weights[0].sum(1).to(dtype),
            weights[1].sum(1).to(dtype),
            Tensor()};
  }
};

void check_inputs(const Tensor& q,
                  const Tensor& k,
                  const Tensor& v,
                  const Tensor& w1,
                  const Tensor& w2) {
  const auto alike = [&](const Tensor& t) {
    return t.sizes() == q.sizes() && t.scalar_type() == q.scalar_type() && has_fused_kernels(t);
  };
  const auto fits = [&](const Tensor& w) {
    return w.device().is_cpu() && w.dim() == 3 && w.size(0) == q.size(0) &&
           w.size(1) == q.size(3) && w.size(2) == q.size(3);
  };
  if (q.dim() != 4 || q.numel() == 0 || !alike(q) || !alike(k) || !alike(v) || !fits(w1) ||
      !fits(w2)) {
    throw Error(ErrorParts{
        .what = "the inputs of the fused gated linear unit do not fit each other",
        .expected = "q, k, v [H, B, N, d] of one dtype (float32, float64, bfloat16) and w1, w2 "
                    "[H, d, d], all on the CPU, with PARALLAX_KERNELS other than reference",
        .got = c10::str(q.sizes(),
                        ", ",
                        k.sizes(),
                        ", ",
                        v.sizes(),
                        " and ",
                        w1.sizes(),
                        ", ",
                        w2.sizes(),
                        "; ",
                        q.scalar_type(),
                        " on ",
                        q.device(),
                        "; kernels: ",
                        kernel_path_name(kernel_path()))});
  }
}

}  // namespace

Tensor glu_net(const Tensor& q,
               const Tensor& k,
               const Tensor& v,
               const Tensor& w1,
               const Tensor& w2,
               const GluNetRule& rule) {
  check_inputs(q, k, v, w1, w2);
  return requires_graph({q, k, v, w1, w2}) ? GluNetFunction::apply(q, k, v, w1, w2, rule)
                                           : run_forward(prepared(q, k, v, w1, w2), rule);
}

}  // namespace parallax
