// The LaCT operator, in its vision and language-model forms, against the reference implementation.
#include <gtest/gtest.h>

#include "core/ttt/parallel.h"
#include "tests/golden/golden.h"
#include "tests/golden/golden_rule.h"
#include "tests/support/test_device.h"

namespace parallax::testing {
namespace {

Schedule schedule_of(const nlohmann::json& run) {
  Schedule schedule;
  for (const auto& step : run.at("op_order")) {
    schedule.push_back({step.at(0), step.at(1), step.at(2), step.at(3)});
  }
  return schedule;
}

TttInputs inputs_of(const GoldenCase& golden, torch::Dtype dtype) {
  const auto get = [&](const char* name) { return golden.tensor(name).to(dtype); };
  return {.q = get("q"),
          .k = get("k"),
          .v = get("v"),
          .lr0 = get("lr0"),
          .lr1 = get("lr1"),
          .lr2 = get("lr2")};
}

FastWeights weights_of(const GoldenCase& golden, torch::Dtype dtype) {
  return {.w0 = golden.tensor("w0").to(dtype),
          .w1 = golden.tensor("w1").to(dtype),
          .w2 = golden.tensor("w2").to(dtype)};
}

void expect_near(const GoldenCase& golden,
                 const std::string& name,
                 const Tensor& got,
                 double tolerance) {
  const auto it = golden.tensors.find(name);
  if (it == golden.tensors.end()) {
    return;
  }
  const Tensor expected = it->second.to(torch::kFloat64);
  ASSERT_EQ(got.sizes(), expected.sizes()) << golden.name() << " " << name;
  EXPECT_LE((got.to(torch::kFloat64) - expected).abs().max().item<double>(), tolerance)
      << golden.name() << " " << name;
}

// Checks both forms of one run in one precision against the tensors with that suffix.
void check_vision_run(const GoldenCase& golden,
                      const nlohmann::json& run,
                      torch::Dtype dtype,
                      const std::string& suffix) {
  const std::string id = run.at("id");
  const nlohmann::json& tolerance = golden.json.at("tolerance").at(id);
  UpdateRule rule = rule_from_reference_name(golden.json.at("variant"));
  rule.newton_schulz.steps =
      run.at("muon_update_steps").is_null() ? 0 : run.at("muon_update_steps").get<int>();
  const bool bfloat16 = suffix == "official_bf16muon";
  if (bfloat16) {
    rule.newton_schulz.precision = NewtonSchulzPrecision::kBfloat16;
  }
  const auto atol = [&](const char* what, const Tensor& reference) {
    if (bfloat16) {
      return tolerance.at("bf16muon").at("suggested_atol_if_bf16_emulated").get<double>();
    }
    if (dtype == torch::kFloat64) {
      return 1e-9 * reference.abs().max().item<double>();
    }
    return tolerance.at(what).at("suggested_atol").get<double>();
  };
  const Schedule schedule = schedule_of(run);
  const TttInputs inputs = inputs_of(golden, dtype);
  const FastWeights weights = weights_of(golden, dtype);
  std::vector<TttResult> results = {run_recurrent(rule, weights, inputs, schedule)};
  if (!bfloat16) {
    // Bfloat16 amplifies the last bit of a sum, so only the same order of summation can be
    // compared.
    results.push_back(run_recurrent(rule, weights, inputs, schedule, {5}));
  }
  if (!bfloat16 && !why_no_parallel_form(rule.switches, schedule)) {
    results.push_back(run_parallel(rule, weights, inputs, schedule));
  }
  for (const TttResult& result : results) {
    expect_near(golden, id + ".out." + suffix, result.output, atol("out", result.output));
    for (const auto& [name, got] : {std::pair{"w0", result.state.weights.w0},
                                    std::pair{"w1", result.state.weights.w1},
                                    std::pair{"w2", result.state.weights.w2}}) {
      if (tolerance.contains(name)) {
        expect_near(golden, id + "." + name + "." + suffix, got, atol(name, got));
      }
    }
  }
}

TEST(Golden, LactOperator) {
  for (const auto& folder : golden_cases("lact_op")) {
    const GoldenCase golden = load_golden_case(folder);
    for (const auto& run : golden.json.at("runs")) {
      check_vision_run(golden, run, torch::kFloat64, "exact_f64");
      check_vision_run(golden, run, torch::kFloat32, "exact_f32");
      // Not every case states how close an emulation of bfloat16 must be.
      const nlohmann::json& tolerance = golden.json.at("tolerance").at(run.at("id"));
      if (!test_device().is_cuda() && tolerance.contains("bf16muon") &&
          tolerance.at("bf16muon").contains("suggested_atol_if_bf16_emulated")) {
        check_vision_run(golden, run, torch::kFloat32, "official_bf16muon");
      }
    }
  }
}

void check_language_run(const GoldenCase& golden,
                        const nlohmann::json& run,
                        torch::Dtype dtype,
                        const std::string& suffix) {
  const std::string id = run.at("id");
  const nlohmann::json& tolerance = golden.json.at("tolerance").at(id);
  UpdateRule rule;
  rule.switches.weight_norm = run.at("form") == "prenorm" ? WeightNorm::kPre : WeightNorm::kPost;
  rule.switches.normalise_gradient = run.at("muon").get<bool>();
  rule.newton_schulz.coefficients = language_model_coefficients();
  rule.newton_schulz.transpose_square = true;
  double atol = tolerance.at("out").at("suggested_atol");
  if (suffix == "official_bf16muon") {
    rule.newton_schulz.precision = NewtonSchulzPrecision::kBfloat16;
    if (tolerance.contains("bf16muon")) {
      atol = tolerance.at("bf16muon").at("suggested_atol_if_bf16_emulated");
    }
  }
  TttInputs inputs = inputs_of(golden, dtype);
  if (run.at("momentum").get<bool>()) {
    inputs.momentum = golden.tensor("momentum").to(dtype);
  }
  FastWeights weights = weights_of(golden, dtype);
  for (Tensor* w : {&weights.w0, &weights.w1, &weights.w2}) {
    *w = w->transpose(1, 2);  // the language-model code stores them for column vectors, W x
  }
  const Schedule schedule =
      language_model_chunks(inputs.k.size(1), golden.json.at("config").at("chunk_size"));
  const Tensor output = run_recurrent(rule, weights, inputs, schedule).output;
  if (dtype == torch::kFloat64) {
    atol = 1e-9 * output.abs().max().item<double>();
  }
  expect_near(golden, id + ".out." + suffix, output, atol);
}

TEST(Golden, LactLanguageModelOperator) {
  for (const auto& folder : golden_cases("lact_llm_op")) {
    const GoldenCase golden = load_golden_case(folder);
    for (const auto& run : golden.json.at("runs")) {
      check_language_run(golden, run, torch::kFloat64, "exact_f64");
      check_language_run(golden, run, torch::kFloat32, "exact_f32");
      if (!test_device().is_cuda()) {  // where another order of summation rounds differently
        check_language_run(golden, run, torch::kFloat32, "official_bf16muon");
      }
    }
  }
}

}  // namespace
}  // namespace parallax::testing
