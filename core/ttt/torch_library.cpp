// The operators of core/ttt and core/ops for PyTorch, as torch.ops.parallax.*: a shared library for
// torch.ops.load_library. All are differentiable where the functions behind them are.
#include <torch/library.h>

#include "core/base/error.h"
#include "core/ops/common/autograd_support.h"
#include "core/ops/depthwise/depthwise.h"
#include "core/ops/elementwise/fused.h"
#include "core/ops/glu_net/glu_net.h"
#include "core/ops/newton_schulz/newton_schulz.h"
#include "core/ttt/form.h"
#include "core/ttt/parallel.h"
#include "core/ttt/recurrent.h"

namespace parallax {
namespace {

using fused::OptionalTensor;

Tensor ttt_layer(const OptionalTensor& q,
                 const Tensor& k,
                 const Tensor& v,
                 const OptionalTensor& w0,
                 const Tensor& w1,
                 const OptionalTensor& w2,
                 const OptionalTensor& lr0,
                 const OptionalTensor& lr1,
                 const OptionalTensor& lr2,
                 const OptionalTensor& momentum,
                 c10::string_view variant,
                 c10::string_view form,
                 int64_t chunk,
                 int64_t newton_schulz_steps) {
  const auto given = [](const OptionalTensor& tensor) { return tensor.value_or(Tensor()); };
  const UpdateRule rule{find_variant({variant.data(), variant.size()}).switches,
                        {.steps = static_cast<int>(newton_schulz_steps)}};
  const TttInputs inputs{given(q), k, v, given(lr0), given(lr1), given(lr2), given(momentum)};
  const FastWeights weights{given(w0), w1, given(w2)};
  check_inputs(rule, weights, inputs);
  const int64_t tokens = k.size(1);
  const Schedule schedule =
      chunk > 0 ? update_then_apply_chunks(tokens, chunk) : update_then_apply_all(tokens, tokens);
  if (form == "parallel") {
    return run_parallel(rule, weights, inputs, schedule).output;
  }
  if (form == "recurrent") {
    return run_recurrent(rule, weights, inputs, schedule).output;
  }
  throw UsageError(ErrorParts{.what = "there is no such form",
                              .expected = "recurrent or parallel",
                              .got = std::string(form.data(), form.size())});
}

Tensor newton_schulz(const Tensor& gradient, int64_t steps) {
  return orthogonalise(gradient, {.steps = static_cast<int>(steps)});
}

Tensor vit3_glu(const Tensor& q,
                const Tensor& k,
                const Tensor& v,
                const Tensor& w1,
                const Tensor& w2,
                double scale,
                double sign,
                bool gated,
                bool trains_gate,
                bool normalised) {
  return glu_net(q, k, v, w1, w2, {gated, trains_gate && gated, normalised, scale, sign});
}

Tensor convolution(const Tensor& x, const Tensor& weight, const OptionalTensor& bias) {
  return depthwise_convolution(x, weight, bias.value_or(Tensor()), x.size(1));
}

Tensor correlation(const Tensor& x, const Tensor& values) {
  return depthwise_correlation(x, values);
}

}  // namespace
}  // namespace parallax

TORCH_LIBRARY(parallax, library) {
  library.def(
      "ttt_layer(Tensor? q, Tensor k, Tensor v, Tensor? w0, Tensor w1, Tensor? w2, *, "
      "Tensor? lr0=None, Tensor? lr1=None, Tensor? lr2=None, Tensor? momentum=None, "
      "str variant='0', str form='parallel', int chunk=0, int newton_schulz_steps=5) -> Tensor",
      parallax::ttt_layer);
  library.def("newton_schulz(Tensor gradient, int steps=5) -> Tensor", parallax::newton_schulz);
  library.def(
      "vit3_glu(Tensor q, Tensor k, Tensor v, Tensor w1, Tensor w2, *, float scale, float sign=1, "
      "bool gated=True, bool trains_gate=True, bool normalised=True) -> Tensor",
      parallax::vit3_glu);
  library.def("depthwise_convolution(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor",
              parallax::convolution);
  library.def("depthwise_correlation(Tensor x, Tensor values) -> Tensor", parallax::correlation);
  library.def("swiglu(Tensor gate, Tensor value) -> Tensor",
              [](const parallax::Tensor& gate, const parallax::Tensor& value) {
                return parallax::swiglu(gate, value);
              });
}
