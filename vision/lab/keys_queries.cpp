// Projections and two-sample tests, layer by layer.
#include "vision/lab/keys_queries.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/ttt/recurrent.h"
#include "vision/lab/lab_text.h"
#include "vision/lab/projections.h"
#include "vision/lab/two_samples.h"

namespace parallax::lab {
namespace {

constexpr int64_t kShownPoints = 150;   // per set
constexpr int64_t kTestedPoints = 400;  // per set
constexpr int kPermutations = 199;
constexpr uint64_t kPermutationSeed = 24;
constexpr double kSignificant = 0.01;

// Two sets of one layer compared.
struct Pair {
  const char* title;
  const char* a;
  const char* b;
  Tensor TokenSets::*first;
  Tensor TokenSets::*second;
};
constexpr Pair kPairs[] = {
    {"Queries and keys", "queries", "keys", &TokenSets::q, &TokenSets::k},
    {"Values and outputs", "values", "outputs", &TokenSets::v, &TokenSets::o}};

LabPlot scatter_of(const Pair& pair,
                   const std::string& layer,
                   const std::string& method,
                   const Tensor& plane,  // [2N, 2]
                   int64_t first) {      // rows of the first set
  LabPlot plot{.title = fmt::format("{} ({})", pair.title, method),
               .choice = layer,
               .scatter = true,
               .series = {{pair.a, {}}, {pair.b, {}}}};
  const auto xy = plane.accessor<double, 2>();
  for (int64_t i = 0; i < plane.size(0); ++i) {
    plot.series[i < first ? 0 : 1].points.emplace_back(xy[i][0], xy[i][1]);
  }
  return plot;
}

void add_scatters(const Pair& pair, const TokenSets& set, ProbeResult& result) {
  const Tensor a = thinned(set.*pair.first, kShownPoints);
  const Tensor b = thinned(set.*pair.second, kShownPoints);
  const Tensor all = torch::cat({a, b});
  result.plots.push_back(scatter_of(pair, set.layer, "PCA", principal_plane(all), a.size(0)));
  result.plots.push_back(scatter_of(pair, set.layer, "t-SNE", tsne(all, {}), a.size(0)));
}

Finding finding_of(const Pair& pair, size_t layers, size_t apart, double least_accuracy) {
  return {.claim = fmt::format("{} are distributed differently", pair.title),
          .section = "§4.3, Figure 2",
          .verdict = apart == layers ? Verdict::kHolds
                     : apart == 0    ? Verdict::kDoesNotHold
                                     : Verdict::kUndecided,
          .number = fmt::format("in {} of {} layers", apart, layers),
          .sentence = fmt::format(
              "Layers in which the maximum mean discrepancy has p < {:g} ({} permutations) and 5 "
              "nearest neighbours tell the two apart better than by chance (95 % interval above 50 "
              "%; least {:.0f} %). The tests take tokens for independent, which neighbours in a "
              "view are not.",
              kSignificant,
              kPermutations,
              100 * least_accuracy)};
}

}  // namespace

std::vector<TokenSets> token_sets(const std::vector<LayerTokens>& layers) {
  const torch::InferenceMode inference;
  std::vector<TokenSets> sets;
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerTokens& layer = layers[i];
    if (!layer.inputs.q.defined()) {
      continue;
    }
    const int64_t tokens = layer.inputs.k.size(1);
    const Tensor output =
        run_recurrent(
            layer.rule, layer.weights, layer.inputs, update_then_apply_all(tokens, tokens))
            .output;
    sets.push_back({fmt::format("layer {}", i),
                    layer.inputs.q[0],
                    layer.inputs.k[0],
                    layer.inputs.v[0],
                    output[0]});
  }
  return sets;
}

ProbeResult probe_keys_queries(const std::vector<TokenSets>& sets,
                               const std::function<void()>& advance) {
  const torch::InferenceMode inference;
  ProbeResult result;
  if (sets.empty()) {
    result.findings.push_back(not_tested("Queries and keys are distributed differently",
                                         "§4.3, Figure 2",
                                         "This model has no queries: its keys take their place."));
    return result;
  }
  LabTable table{
      .title = "Queries and keys, values and outputs",
      .rows = {
          {"layer", "q/k: MMD", "p", "told apart", "mean cosine", "v/o: MMD", "p", "told apart"}}};
  size_t apart[2] = {};
  double least[2] = {1, 1};
  for (const TokenSets& set : sets) {
    std::vector<std::string> row = {set.layer};
    for (size_t i = 0; i < std::size(kPairs); ++i) {
      const Pair& pair = kPairs[i];
      const Tensor a = thinned(set.*pair.first, kTestedPoints);
      const Tensor b = thinned(set.*pair.second, kTestedPoints);
      const Discrepancy discrepancy = mean_discrepancy(a, b, kPermutations, kPermutationSeed);
      const Estimate accuracy = two_sample_accuracy(a, b);
      apart[i] += discrepancy.p_value < kSignificant && accuracy.low > 0.5 ? 1 : 0;
      least[i] = std::min(least[i], accuracy.mean);
      row.insert(row.end(),
                 {fmt::format("{:.3f}", discrepancy.value),
                  fmt::format("{:.3f}", discrepancy.p_value),
                  fmt::format("{:.0f} % ({:.0f}–{:.0f})",
                              100 * accuracy.mean,
                              100 * accuracy.low,
                              100 * accuracy.high)});
      if (i == 0) {
        row.push_back(fmt::format(
            "{:.2f}", torch::cosine_similarity(set.q, set.k, -1).mean().item<double>()));
      }
      add_scatters(pair, set, result);
    }
    table.rows.push_back(std::move(row));
    advance();
  }
  for (size_t i = 0; i < std::size(kPairs); ++i) {
    result.findings.push_back(finding_of(kPairs[i], sets.size(), apart[i], least[i]));
  }
  result.tables.push_back(std::move(table));
  return result;
}

}  // namespace parallax::lab
