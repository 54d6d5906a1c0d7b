// Both sides of the theorems, from the tokens of a model.
#include "vision/lab/equivalence.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/ttt/views/linear_attention_view.h"
#include "vision/lab/lab_text.h"

namespace parallax::lab {
namespace {

constexpr uint64_t kRulesSeed = 24;
// Rounding in float64, amplified by five Newton–Schulz iterations; a wrong term is larger by far.
constexpr double kRoundingOfLayers = 1e-8;
constexpr double kAnother = 0.01;  // from here on the naive sum is called another layer

Schedule ranges_of(int64_t tokens, int64_t range) {
  return range > 0 ? update_then_apply_chunks(tokens, range)
                   : update_then_apply_all(tokens, tokens);
}

double view_error(const LayerTokens& layer, const Schedule& schedule) {
  std::vector<Tensor> outputs;
  for (const LinearAttentionView& view :
       linear_attention_views(layer.rule, layer.weights, layer.inputs, schedule)) {
    outputs.push_back(view.output());
  }
  const Tensor output = run_recurrent(layer.rule, layer.weights, layer.inputs, schedule).output;
  return agreement_of(torch::cat(outputs, 1), output).relative;
}

VariantSwitches without_history(VariantSwitches switches) {
  switches.updated = UpdatedWeights::kLast;
  switches.weight_norm = WeightNorm::kNone;
  return switches;
}

bool keeps_kernel_and_scale(const VariantSwitches& switches) {
  return !updates_feature_map(switches) && switches.weight_norm == WeightNorm::kNone;
}

void keep_largest(Equivalence& largest, const Equivalence& one) {
  largest.float64 = std::max(largest.float64, one.float64);
  largest.float32 = std::max(largest.float32, one.float32);
  largest.naive = std::max(largest.naive, one.naive);
}

std::string naive_text(const VariantSwitches& switches, const Equivalence& e) {
  return keeps_kernel_and_scale(switches) ? "the same sum" : fmt::format("{:.1f} %", 100 * e.naive);
}

// Every rule of the table on all layers: a row each.
LabTable table_of_rules(const std::vector<LayerTokens>& layers, Equivalence& largest) {
  LabTable table{.title =
                     "Every rule of the table on this model's tokens: relative difference of "
                     "the layer's output from its linear attention, the largest of all layers",
                 .rows = {{"rule",
                           "one range, float64",
                           "float32",
                           "a range per view, float64",
                           "float32",
                           "off by a fixed kernel and scale"}}};
  for (const Variant& variant : kVariants) {
    Equivalence one;
    Equivalence several;
    for (const LayerTokens& layer : layers) {
      const LayerTokens changed = under_rule(layer, variant.switches, kRulesSeed);
      keep_largest(one, measure_equivalence(changed, 0));
      keep_largest(several, measure_equivalence(changed, layer.view_tokens));
    }
    keep_largest(largest, one);
    keep_largest(largest, several);
    table.rows.push_back({std::string(variant.name),
                          small_number(one.float64),
                          small_number(one.float32),
                          small_number(several.float64),
                          small_number(several.float32),
                          naive_text(variant.switches, several)});
  }
  return table;
}

Finding equality(const std::string& claim,
                 const std::string& section,
                 const Equivalence& e,
                 const std::string& on) {
  return {
      .claim = claim,
      .section = section,
      .verdict = e.float64 <= kRoundingOfLayers ? Verdict::kHolds : Verdict::kDoesNotHold,
      .number = fmt::format(
          "{} in float64, {} in float32", small_number(e.float64), small_number(e.float32)),
      .sentence = fmt::format("The largest ‖o − q̂(S₀ + Σ k̂ᵀ v̂)‖ / ‖o‖ of {}. Rounding is called "
                              "equality up to {:.0e} in float64.",
                              on,
                              kRoundingOfLayers)};
}

}  // namespace

Equivalence measure_equivalence(const LayerTokens& layer, int64_t range) {
  const torch::InferenceMode inference;
  const Schedule schedule = ranges_of(layer.inputs.k.size(1), range);
  const LayerTokens wide = to_dtypes(layer, torch::kFloat64, torch::kFloat64);
  Equivalence e{
      .float64 = view_error(wide, schedule),
      .float32 = view_error(to_dtypes(layer, torch::kFloat32, torch::kFloat32), schedule)};
  if (!keeps_kernel_and_scale(layer.rule.switches)) {
    UpdateRule fixed = layer.rule;
    fixed.switches = without_history(fixed.switches);
    e.naive = agreement_of(run_recurrent(fixed, wide.weights, wide.inputs, schedule).output,
                           run_recurrent(wide.rule, wide.weights, wide.inputs, schedule).output)
                  .relative;
  }
  return e;
}

ProbeResult probe_equivalence(const std::vector<LayerTokens>& layers, const std::string& own_rule) {
  ProbeResult result;
  Equivalence own;
  LabPlot plot{.title = "Difference of each layer's output from its linear attention",
               .x_label = "layer",
               .y_label = "‖o − q̂(S₀ + Σ k̂ᵀ v̂)‖ / ‖o‖",
               .log_y = true,
               .series = {{"one range, float64", {}},
                          {"one range, float32", {}},
                          {"a range per view, float64", {}},
                          {"a range per view, float32", {}}}};
  const VariantSwitches& switches = layers.front().rule.switches;
  if (!keeps_kernel_and_scale(switches)) {
    plot.series.push_back({"a range per view, fixed kernel and scale", {}});
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    const Equivalence one = measure_equivalence(layers[i], 0);
    const Equivalence several = measure_equivalence(layers[i], layers[i].view_tokens);
    keep_largest(own, one);
    keep_largest(own, several);
    const auto x = static_cast<double>(i);
    const double values[] = {
        one.float64, one.float32, several.float64, several.float32, several.naive};
    for (size_t s = 0; s < plot.series.size(); ++s) {
      plot.series[s].points.emplace_back(x, values[s]);
    }
  }
  result.findings.push_back(equality("The TTT layer is a linear attention operator",
                                     "§5, Theorems 5.1 and 5.2",
                                     own,
                                     fmt::format("{} layers under the model's own rule (row {}), "
                                                 "over one range and over a range per view",
                                                 layers.size(),
                                                 own_rule)));
  Equivalence every;
  result.tables.push_back(table_of_rules(layers, every));
  result.findings.push_back(
      equality("So is the layer under every rule of the variant table, with momentum too",
               "§5, Theorem 5.3",
               every,
               fmt::format("{} rules on the tokens of {} layers; what a rule needs and the model "
                           "has not (momentum gates, decays, an inner net of another shape) is "
                           "drawn at random",
                           kVariants.size(),
                           layers.size())));
  const std::string claim =
      "With a moving kernel or weight norm, the sum with the first kernel and scale is another "
      "layer";
  result.findings.push_back(
      keeps_kernel_and_scale(switches)
          ? not_tested(claim, "§5, Appendix I", "This model's rule keeps its kernel and its scale.")
          : Finding{.claim = claim,
                    .section = "§5, Appendix I",
                    .verdict = own.naive > kAnother ? Verdict::kHolds : Verdict::kDoesNotHold,
                    .number = fmt::format("{:.1f} %", 100 * own.naive),
                    .sentence = "The largest relative difference of the layer's output from that "
                                "sum, over a range per view, of all layers."});
  result.plots.push_back(std::move(plot));
  result.measures["equivalence_float64"] = {own.float64, every.float64};
  return result;
}

}  // namespace parallax::lab
