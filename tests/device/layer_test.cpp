// The layer on the device under test against float64 on the CPU: every variant, form and dtype,
// forward and backward, ragged chunks, one and many heads, with momentum and without.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/ttt/form.h"
#include "core/ttt/parallel.h"
#include "core/ttt/recurrent.h"
#include "tests/support/random_layer.h"
#include "tests/support/test_device.h"

namespace parallax::testing {
namespace {

struct DeviceProblem {
  const char* name;
  RandomLayerOptions options;
  int64_t chunk;  // 0: one range
  int newton_schulz_steps;
};

// Widths that are and are not multiples of a vector; chunks that do and do not divide the tokens,
// with fewer and with more tokens than the head is wide; inputs small enough that the nets do not
// saturate.
std::vector<DeviceProblem> problems() {
  const auto options = [](int64_t heads, int64_t width, int64_t hidden, int64_t tokens, bool gate) {
    return RandomLayerOptions{.heads = heads,
                              .width = width,
                              .hidden = hidden,
                              .tokens = tokens,
                              .weight_scale = 1 / std::sqrt(static_cast<double>(width)),
                              .rate_scale = 0.1,
                              .has_momentum = gate};
  };
  return {{"one head, one range", options(1, 32, 48, 100, false), 0, 5},
          {"one head, ragged chunks", options(1, 32, 64, 150, true), 64, 5},
          {"odd widths", options(3, 20, 28, 70, true), 16, 3},
          {"many heads", options(4, 64, 64, 256, false), 96, 5},
          {"many heads, momentum", options(4, 64, 128, 256, true), 96, 5},
          {"whole chunks", options(4, 64, 128, 192, false), 64, 5},
          {"few tokens a chunk", options(2, 64, 64, 96, true), 8, 0}};
}

std::vector<Schedule> schedules_of(const DeviceProblem& problem) {
  const int64_t tokens = problem.options.tokens;
  if (problem.chunk == 0) {
    return {update_then_apply_all(tokens - tokens / 4, tokens)};
  }
  return {update_then_apply_chunks(tokens, problem.chunk),
          apply_then_update_chunks(tokens, problem.chunk),
          language_model_chunks(tokens, problem.chunk)};
}

// The layer on the device: tokens in `dtype`, weights and rates in float32.
RandomLayer layer_on_device(const RandomLayer& layer,
                            torch::Dtype dtype,
                            bool differentiable = false) {
  const auto move = [&](const Tensor& x, torch::Dtype type) {
    return x.defined() ? x.to(test_device(), type).detach().requires_grad_(differentiable) : x;
  };
  const auto weight = [&](const Tensor& x) { return move(x, torch::kFloat32); };
  const auto token = [&](const Tensor& x) { return move(x, dtype); };
  const TttInputs& in = layer.inputs;
  RandomLayer moved{
      .rule = layer.rule,
      .weights = {weight(layer.weights.w0), weight(layer.weights.w1), weight(layer.weights.w2)},
      .inputs = {.q = token(in.q),
                 .k = token(in.k),
                 .v = token(in.v),
                 .lr0 = weight(in.lr0),
                 .lr1 = weight(in.lr1),
                 .lr2 = weight(in.lr2),
                 .momentum = weight(in.momentum),
                 .decay = weight(in.decay)}};
  if (dtype == torch::kBFloat16) {
    moved.rule.newton_schulz.precision = NewtonSchulzPrecision::kBfloat16Products;
  }
  return moved;
}

// The same numbers in float64 on the CPU.
RandomLayer layer_in_float64(const RandomLayer& layer, bool differentiable = false) {
  const auto move = [&](const Tensor& x) {
    return x.defined() ? x.detach().to(torch::kCPU, torch::kFloat64).requires_grad_(differentiable)
                       : x;
  };
  RandomLayer exact{
      .rule = layer.rule,
      .weights = {move(layer.weights.w0), move(layer.weights.w1), move(layer.weights.w2)},
      .inputs = map_inputs(layer.inputs, move)};
  exact.rule.newton_schulz.precision = NewtonSchulzPrecision::kWorking;
  return exact;
}

TttResult run_form(const RandomLayer& layer, Form form, const Schedule& schedule) {
  return form == Form::kParallel ? run_parallel(layer.rule, layer.weights, layer.inputs, schedule)
                                 : run_recurrent(layer.rule, layer.weights, layer.inputs, schedule);
}

// Newton–Schulz multiplies roundings, in bfloat16 those of the gates and the iteration's own; more
// where updates change what later gradients are taken of.
double layer_tolerance(torch::Dtype dtype, const VariantSwitches& switches) {
  if (dtype == torch::kFloat32) {
    return 1e-4;
  }
  if (updates_feature_map(switches)) {
    return switches.loss == InnerLoss::kMse ? 3e-1 : 1e-1;
  }
  // Steps divided by keys' squares: 1.01e-2 on an H200.
  return switches.normalise_gradient ? 4e-2 : switches.normalised_step ? 2e-2 : 1e-2;
}

template <class F>
void for_each_case(const std::vector<DeviceProblem>& problems, const F& f) {
  for (const Variant& variant : kVariants) {
    for (const DeviceProblem& problem : problems) {
      RandomLayer layer = random_layer(variant.switches, problem.options, 11);
      layer.rule.newton_schulz.steps = problem.newton_schulz_steps;
      for (const Schedule& schedule : schedules_of(problem)) {
        for (const Form form : {Form::kRecurrent, Form::kParallel}) {
          if (form == Form::kParallel && why_no_parallel_form(variant.switches, schedule)) {
            continue;
          }
          for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
            SCOPED_TRACE(fmt::format("variant {}, {}, {}, {}, {} steps",
                                     variant.name,
                                     problem.name,
                                     form_name(form),
                                     torch::toString(dtype),
                                     schedule.size()));
            f(layer, form, schedule, dtype);
          }
        }
      }
    }
  }
}

TEST(DeviceLayer, OutputAndStateAreThoseOfFloat64) {
  const torch::InferenceMode inference;
  for_each_case(
      problems(),
      [](const RandomLayer& layer, Form form, const Schedule& schedule, torch::Dtype dtype) {
        const RandomLayer moved = layer_on_device(layer, dtype);
        const TttResult got = run_form(moved, form, schedule);
        const TttResult expected = run_form(layer_in_float64(moved), Form::kRecurrent, schedule);
        const double most = layer_tolerance(dtype, layer.rule.switches);
        EXPECT_EQ(got.output.scalar_type(), dtype);
        EXPECT_LT(device_error(got.output, expected.output), most);
        EXPECT_LT(device_error(got.state.weights.w1, expected.state.weights.w1), most);
        if (expected.state.velocity.w1.defined()) {
          EXPECT_LT(device_error(got.state.velocity.w1, expected.state.velocity.w1), most);
        }
        if (expected.state.anchor.w1.defined()) {
          EXPECT_LT(device_error(got.state.anchor.w1, expected.state.anchor.w1), most);
        }
      });
}

// Tokens in float16, for which there are no kernels.
TEST(DeviceLayer, TokensInFloat16) {
  const torch::InferenceMode inference;
  const DeviceProblem problem = problems()[3];
  for (const char* variant : {"3", "6"}) {
    RandomLayer layer = random_layer(find_variant(variant).switches, problem.options, 12);
    layer.rule.newton_schulz.steps = 0;
    const RandomLayer moved = layer_on_device(layer, torch::kHalf);
    const Schedule schedule = update_then_apply_chunks(problem.options.tokens, problem.chunk);
    const TttResult got = run_form(moved, Form::kParallel, schedule);
    const TttResult expected = run_form(layer_in_float64(moved), Form::kRecurrent, schedule);
    EXPECT_LT(device_error(got.output, expected.output), 2e-2) << variant;
    EXPECT_LT(device_error(got.state.weights.w1, expected.state.weights.w1), 2e-2) << variant;
  }
}

// The gradient of a fixed functional of the output, with respect to tokens, weights and rates.
std::vector<Tensor> gradients(const RandomLayer& layer, Form form, const Schedule& schedule) {
  const Tensor output = run_form(layer, form, schedule).output;
  const Tensor direction = torch::linspace(-1, 1, output.numel(), torch::kFloat64)
                               .sin()
                               .view(output.sizes())
                               .to(output.device(), output.scalar_type());
  (output * direction).sum().backward();
  std::vector<Tensor> result;
  if (layer.inputs.decay.defined()) {
    result.push_back(layer.inputs.decay.grad());
  }
  for (const Tensor& x : {layer.inputs.q,
                          layer.inputs.k,
                          layer.inputs.v,
                          layer.inputs.lr1,
                          layer.weights.w0,
                          layer.weights.w1,
                          layer.weights.w2}) {
    result.push_back(x.grad());
  }
  return result;
}

TEST(DeviceLayer, GradientsAreThoseOfFloat64) {
  std::vector<DeviceProblem> some = problems();
  some.resize(3);
  some.push_back(problems().back());
  for_each_case(
      some, [](const RandomLayer& layer, Form form, const Schedule& schedule, torch::Dtype dtype) {
        const bool iterates =
            layer.rule.switches.normalise_gradient && layer.rule.newton_schulz.steps > 0;
        if (iterates && dtype == torch::kBFloat16) {
          return;  // the iteration's adjoints multiply roundings beyond comparison
        }
        const RandomLayer moved = layer_on_device(layer, dtype, true);
        const auto got = gradients(moved, form, schedule);
        const auto expected = gradients(layer_in_float64(moved, true), Form::kRecurrent, schedule);
        const double most = 10 * layer_tolerance(dtype, layer.rule.switches);
        for (size_t i = 0; i < got.size(); ++i) {
          ASSERT_EQ(got[i].defined(), expected[i].defined()) << "gradient " << i;
          if (got[i].defined()) {
            EXPECT_LT(device_error(got[i], expected[i]), most) << "gradient " << i;
          }
        }
      });
}

}  // namespace
}  // namespace parallax::testing
