// Layers whose updates read fewer tokens than the fast weights are wide: the gradient is
// orthogonalised from its low-rank factors, and the parallel form is linear attention over these.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/ops/common/dispatch.h"
#include "core/ttt/parallel.h"
#include "core/ttt/recurrent.h"
#include "tests/support/kernel_cases.h"
#include "tests/support/random_layer.h"

namespace parallax::testing {
namespace {

constexpr int64_t kBatch = 2;
constexpr int64_t kTokens = 50;  // leaves a shorter last chunk
constexpr int64_t kWidth = 32;

RandomLayer layer_of(const Variant& variant) {
  return random_layer(
      variant.switches, {.heads = kBatch, .width = kWidth, .hidden = 48, .tokens = kTokens}, 21);
}

enum class Run { kReference, kRecurrent, kParallel };

TttResult run_layer(const RandomLayer& layer, const Schedule& schedule, Run run) {
  const KernelPathGuard guard(run == Run::kReference ? KernelPath::kReference
                                                     : fused_paths().back());
  return run == Run::kParallel ? run_parallel(layer.rule, layer.weights, layer.inputs, schedule)
                               : run_recurrent(layer.rule, layer.weights, layer.inputs, schedule);
}

void expect_same(const RandomLayer& layer, const Schedule& schedule, const std::string& name) {
  const torch::NoGradGuard no_grad;
  const TttResult expected = run_layer(layer, schedule, Run::kReference);
  const double plain_error = relative_difference(
      run_layer(layer.to(torch::kFloat32), schedule, Run::kReference).output, expected.output);
  for (const Run run : {Run::kRecurrent, Run::kParallel}) {
    if (run == Run::kParallel && why_no_parallel_form(layer.rule.switches, schedule)) {
      continue;
    }
    const TttResult got = run_layer(layer, schedule, run);
    EXPECT_LT(relative_difference(got.output, expected.output), 1e-9) << name;
    EXPECT_LT(relative_difference(got.state.weights.w1, expected.state.weights.w1), 1e-9) << name;
    const TttResult single = run_layer(layer.to(torch::kFloat32), schedule, run);
    EXPECT_LT(relative_difference(single.output, expected.output), std::max(2e-5, 3 * plain_error))
        << name << " " << plain_error;
  }
}

TEST(FewTokens, EveryFormIsTheReference) {
  for (const Variant& variant : kVariants) {
    const RandomLayer layer = layer_of(variant);
    for (const int64_t chunk : {1, 3, 8, 16}) {
      const std::string name = fmt::format("{}, chunk {}", variant.name, chunk);
      expect_same(layer, update_then_apply_chunks(kTokens, chunk), name);
      expect_same(layer, apply_then_update_chunks(kTokens, chunk), name + ", applied first");
    }
    expect_same(layer, update_then_apply_all(20, kTokens), std::string(variant.name) + ", at once");
  }
}

TEST(FewTokens, SeveralInnerSteps) {
  RandomLayer layer = layer_of(find_variant("3"));
  layer.rule.switches.inner_steps = 2;
  expect_same(layer, update_then_apply_chunks(kTokens, 4), "two inner steps");
}

double error_in_bfloat16(const RandomLayer& layer, const Schedule& schedule, Run run) {
  const auto rounded = [](const Tensor& x) { return x.to(torch::kBFloat16); };
  RandomLayer low = layer.to(torch::kFloat32);
  low.inputs.q = rounded(low.inputs.q);
  low.inputs.k = rounded(low.inputs.k);
  low.inputs.v = rounded(low.inputs.v);
  low.rule.newton_schulz.precision = NewtonSchulzPrecision::kBfloat16Products;
  return relative_difference(run_layer(low, schedule, run).output,
                             run_layer(layer, schedule, Run::kReference).output);
}

// Weights in float32, tokens in bfloat16: the parallel form's tiles have their own kernels.
TEST(FewTokens, TilesInBfloat16AreAsCloseAsTheRecurrentForm) {
  const torch::NoGradGuard no_grad;
  for (const Variant& variant : kVariants) {
    const RandomLayer layer = layer_of(variant);
    for (const int64_t chunk : {1, 3, 8, 16, 40}) {
      for (const Schedule& schedule :
           {update_then_apply_chunks(kTokens, chunk), apply_then_update_chunks(kTokens, chunk)}) {
        if (why_no_parallel_form(variant.switches, schedule)) {
          continue;
        }
        const double recurrent = error_in_bfloat16(layer, schedule, Run::kRecurrent);
        const double parallel = error_in_bfloat16(layer, schedule, Run::kParallel);
        EXPECT_LT(parallel, std::max(2e-2, 1.5 * recurrent))
            << variant.name << ", chunk " << chunk << ": " << recurrent;
      }
    }
  }
}

}  // namespace
}  // namespace parallax::testing
