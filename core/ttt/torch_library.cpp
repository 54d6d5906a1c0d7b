// The operators of core/ttt and core/ops for PyTorch, as torch.ops.parallax.*: a shared library for
// torch.ops.load_library. All are differentiable where the functions behind them are.
#include <torch/library.h>

#include "core/base/error.h"
#include "core/ops/common/autograd_support.h"
#include "core/ops/depthwise/depthwise.h"
#include "core/ops/elementwise/fused.h"
#include "core/ops/glu_net/glu_net.h"
#include "core/ops/newton_schulz/newton_schulz_coefficients.h"
#include "core/ttt/form.h"
#include "core/ttt/parallel.h"
#include "core/ttt/recurrent.h"

namespace parallax {
namespace {

using fused::OptionalTensor;

// Whether the argument is the second of two words. Throws UsageError where it is neither.
bool choose(const char* argument, c10::string_view word, const char* first, const char* second) {
  if (word != first && word != second) {
    throw UsageError(ErrorParts{.what = std::string("there is no such ") + argument,
                                .expected = std::string(first) + " or " + second,
                                .got = std::string(word.data(), word.size())});
  }
  return word == second;
}

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
                 const OptionalTensor& decay,
                 c10::string_view variant,
                 c10::string_view form,
                 int64_t chunk,
                 int64_t newton_schulz_steps,
                 c10::string_view order,
                 c10::string_view coefficients) {
  const auto given = [](const OptionalTensor& tensor) { return tensor.value_or(Tensor()); };
  UpdateRule rule{find_variant({variant.data(), variant.size()}).switches,
                  {.steps = static_cast<int>(newton_schulz_steps)}};
  if (k.is_cuda() && k.scalar_type() == torch::kBFloat16) {
    rule.newton_schulz.precision = NewtonSchulzPrecision::kBfloat16Products;
  }
  rule.newton_schulz.coefficients = find_coefficients({coefficients.data(), coefficients.size()});
  const TttInputs inputs{
      given(q), k, v, given(lr0), given(lr1), given(lr2), given(momentum), given(decay)};
  const FastWeights weights{given(w0), w1, given(w2)};
  check_inputs(rule, weights, inputs);
  const int64_t tokens = k.size(1);
  const bool applies_first = choose("order", order, "update-first", "language-model");
  const Schedule schedule = chunk <= 0      ? update_then_apply_all(tokens, tokens)
                            : applies_first ? language_model_chunks(tokens, chunk)
                                            : update_then_apply_chunks(tokens, chunk);
  return choose("form", form, "recurrent", "parallel")
             ? run_parallel(rule, weights, inputs, schedule).output
             : run_recurrent(rule, weights, inputs, schedule).output;
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
      "Tensor? lr0=None, Tensor? lr1=None, Tensor? lr2=None, Tensor? momentum=None, Tensor? "
      "decay=None, "
      "str variant='0', str form='parallel', int chunk=0, int newton_schulz_steps=5, "
      "str order='update-first', str coefficients='muon') -> Tensor",
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
