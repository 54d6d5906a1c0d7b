// The table of probes.
#include "apps/lab/lab_probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "apps/lab/lab_ablation.h"
#include "core/base/clock.h"
#include "vision/lab/classifier_probes.h"
#include "vision/lab/deviation.h"
#include "vision/lab/equivalence.h"
#include "vision/lab/projections.h"
#include "vision/lab/rule_changes.h"
#include "vision/lab/streaming.h"

namespace parallax {
namespace {

using Advance = std::function<void()>;

constexpr int64_t kEquivalenceViews = 4;  // whose tokens the theorems are checked on
constexpr int64_t kImagesInspected = 16;  // whose tokens are projected

template <class F>
double seconds_of(const F& f) {
  const auto start = Clock::now();
  f();
  return seconds_since(start);
}

const PreparedScene& first_scene(const LabBench& bench) { return bench.subject.nvs.scenes.front(); }

int64_t views_of(const LabBench& bench) {
  int64_t views = 0;
  for (const PreparedScene& scene : bench.subject.nvs.scenes) {
    views += static_cast<int64_t>(scene.targets.indices.size());
  }
  return views;
}

LabCost evaluations(const LabBench& bench, int count) {
  return {
      .work = bench.subject.nvs_model
                  ? fmt::format("{} evaluations of {} views", count, views_of(bench))
                  : fmt::format(
                        "{} evaluations of {} images", count, bench.subject.images.right.size()),
      .seconds = count * bench.evaluate_seconds,
      .parts = count};
}

// ---- equivalence

LabCost equivalence_cost(const LabBench& bench) {
  const auto layers =
      lab::layers_of(*bench.subject.nvs_model, first_scene(bench), kEquivalenceViews);
  const double one = seconds_of([&] { lab::measure_equivalence(layers.front(), 0); });
  const auto count = static_cast<double>(layers.size() * 2 * (1 + kVariants.size()));
  return {.work = fmt::format(
              "{} rules on {} layers, in float32 and float64", kVariants.size(), layers.size()),
          .seconds = one * count};
}

lab::ProbeResult run_equivalence(const LabBench& bench, const Advance& advance) {
  lab::ProbeResult result = lab::probe_equivalence(
      lab::layers_of(*bench.subject.nvs_model, first_scene(bench), kEquivalenceViews),
      bench.subject.variant());
  advance();
  return result;
}

LabCost image_equivalence_cost(const LabBench&) {
  return {.work = "every layer on 16 images, in float32 and float64", .seconds = 1};
}

lab::ProbeResult run_image_equivalence(const LabBench& bench, const Advance& advance) {
  lab::ProbeResult result = lab::probe_classifier_equivalence(bench.subject.images);
  advance();
  return result;
}

// ---- deviation of the forms

// The layer in the middle: neither the first, which sees patches, nor the last, whose output nobody
// reads further.
lab::LayerTokens middle_layer(const LabBench& bench) {
  const PreparedScene& scene = first_scene(bench);
  auto layers = lab::layers_of(*bench.subject.nvs_model, scene, scene.inputs.batch.views());
  return layers[layers.size() / 2];
}

LabCost deviation_cost(const LabBench& bench) {
  const lab::LayerTokens layer = middle_layer(bench);
  const lab::DeviationGrid grid = lab::deviation_grid(bench.options.longest_sequence);
  if (why_no_parallel_form(layer.rule.switches)) {
    return {.work = "nothing to run, as this rule has no parallel form over several ranges"};
  }
  return {.work = fmt::format("up to {} tokens of layer {}, in three precisions",
                              bench.options.longest_sequence,
                              bench.subject.nvs_model->card.options.layers / 2),
          // Small products run at about a third of the speed of large ones.
          .seconds = 3 * lab::deviation_flops(layer, grid) / bench.flops_per_second,
          .bytes = lab::deviation_bytes(layer, grid),
          .parts = lab::deviation_comparisons(grid)};
}

lab::ProbeResult run_deviation(const LabBench& bench, const Advance& advance) {
  return lab::probe_deviation(middle_layer(bench),
                              bench.subject.variant(),
                              lab::deviation_grid(bench.options.longest_sequence),
                              advance);
}

LabCost image_deviation_cost(const LabBench& bench) { return evaluations(bench, 2); }

lab::ProbeResult run_image_deviation(const LabBench& bench, const Advance& advance) {
  lab::ProbeResult result = lab::probe_classifier_deviation(bench.subject.images);
  advance();
  return result;
}

// ---- changes of the rule

LabCost more_steps_cost(const LabBench& bench) {
  LabCost cost = evaluations(bench, lab::kMoreStepsEvaluations);
  // Further steps cost about half of a reading each, twice: for the views and for the loss.
  for (const int steps : lab::kInnerSteps) {
    cost.seconds += (steps - 1) * bench.read_seconds;
  }
  return cost;
}

LabCost ascent_cost(const LabBench& bench) { return evaluations(bench, lab::kAscentEvaluations); }

LabCost query_cost(const LabBench& bench) { return evaluations(bench, lab::kQueryEvaluations); }

lab::ProbeResult run_more_steps(const LabBench& bench, const Advance& advance) {
  return lab::probe_more_steps(bench.subject.nvs, advance);
}
lab::ProbeResult run_image_steps(const LabBench& bench, const Advance& advance) {
  return lab::probe_classifier_steps(bench.subject.images, advance);
}
lab::ProbeResult run_ascent(const LabBench& bench, const Advance& advance) {
  return lab::probe_ascent(bench.subject.nvs, advance);
}
lab::ProbeResult run_image_ascent(const LabBench& bench, const Advance& advance) {
  return lab::probe_classifier_ascent(bench.subject.images, advance);
}
lab::ProbeResult run_query(const LabBench& bench, const Advance& advance) {
  return lab::probe_query(bench.subject.nvs, advance);
}
lab::ProbeResult run_image_query(const LabBench& bench, const Advance& advance) {
  return lab::probe_classifier_query(bench.subject.images, advance);
}

// ---- keys and queries

LabCost projections_cost(int64_t layers) {
  constexpr int kSampleSteps = 20;
  const Tensor sample = torch::randn({300, 64});
  const double none = seconds_of([&] { lab::tsne(sample, {.steps = 0}); });
  const double some = seconds_of([&] { lab::tsne(sample, {.steps = kSampleSteps}); });
  const double steps = static_cast<double>(lab::TsneOptions{}.steps) / kSampleSteps;
  // Two pairs of sets per layer; the tests take about as long again as a projection.
  return {.work = fmt::format("projections and two-sample tests of {} layers", layers),
          .seconds = static_cast<double>(layers) * 3 * (none + std::max(0.0, some - none) * steps),
          .parts = layers};
}

LabCost keys_cost(const LabBench& bench) {
  return projections_cost(bench.subject.nvs_model->card.options.layers);
}

lab::ProbeResult run_keys(const LabBench& bench, const Advance& advance) {
  const PreparedScene& scene = first_scene(bench);
  return lab::probe_keys_queries(
      lab::token_sets(lab::layers_of(*bench.subject.nvs_model, scene, scene.inputs.batch.views())),
      advance);
}

LabCost image_keys_cost(const LabBench& bench) {
  const std::vector<int>& depths = bench.subject.classifier->card.options.depths;
  return projections_cost(std::accumulate(depths.begin(), depths.end(), int64_t{0}));
}

lab::ProbeResult run_image_keys(const LabBench& bench, const Advance& advance) {
  const lab::ClassifierSubject& images = bench.subject.images;
  return lab::probe_keys_queries(
      lab::token_sets(lab::layer_traces(images, images.model->module->rule(), kImagesInspected)),
      advance);
}

// ---- ablation path, streaming

LabCost ablation_cost(const LabBench& bench) {
  LabCost cost = evaluations(bench, 1);
  cost.work += fmt::format(" and {} timed rounds", bench.options.repeats);
  cost.seconds += kSecondsPerSpeedRound * (bench.options.repeats + 1);
  return cost;
}

lab::ProbeResult run_ablation(const LabBench& bench, const Advance& advance) {
  return measure_ablation(bench.subject.nvs, bench.options.repeats, advance);
}
lab::ProbeResult run_image_ablation(const LabBench& bench, const Advance& advance) {
  return measure_ablation(bench.subject.images, bench.options.repeats, advance);
}

LabCost streaming_cost(const LabBench& bench) {
  const auto counts =
      static_cast<int64_t>(lab::view_counts(first_scene(bench).inputs.batch.views()).size());
  const double scenes = static_cast<double>(bench.subject.nvs.scenes.size());
  return {.work = fmt::format("the first scene read in {} lengths, three ways", counts),
          .seconds = static_cast<double>(3 * counts + 4) * bench.evaluate_seconds / scenes,
          .parts = counts};
}

lab::ProbeResult run_streaming(const LabBench& bench, const Advance& advance) {
  return lab::probe_streaming(bench.subject.nvs, advance);
}

}  // namespace

LabBench measure_bench(const LabOptions& options, const LabSubject& subject) {
  LabBench bench{.options = options, .subject = subject};
  bench.evaluate_seconds = seconds_of([&] {
    if (subject.nvs_model) {
      lab::quality_under(subject.nvs, subject.nvs_model->module->rule());
    } else {
      lab::correct_under(subject.images, subject.classifier->module->rule(), Form::kParallel);
    }
  });
  const torch::InferenceMode inference;
  if (subject.nvs_model) {
    bench.read_seconds = seconds_of([&] {
      for (const PreparedScene& scene : subject.nvs.scenes) {
        subject.nvs_model->module->reconstruct(
            scene.inputs.images, scene.inputs.batch, Form::kParallel);
      }
    });
  }
  constexpr int64_t kSide = 512;
  const Tensor a = torch::randn({kSide, kSide});
  a.matmul(a);
  bench.flops_per_second = 2.0 * kSide * kSide * kSide / seconds_of([&] { a.matmul(a); });
  return bench;
}

const std::array<LabProbe, 8>& lab_probes() {
  static const std::array<LabProbe, 8> probes = {{
      {"equivalence",
       "Is the layer linear attention?",
       "§5",
       "Per layer, the output against q̂(S₀ + Σ k̂ᵀ v̂), on the model's own tokens; and how far off "
       "the sum is that keeps the first kernel and scale.",
       equivalence_cost,
       run_equivalence,
       image_equivalence_cost,
       run_image_equivalence},
      {"deviation",
       "Do the recurrent and the parallel form agree?",
       "§5, Appendix I",
       "Both forms on the same tokens, over lengths, chunks, momenta, inner steps and precisions; "
       "beside them the published way to parallelise momentum.",
       deviation_cost,
       run_deviation,
       image_deviation_cost,
       run_image_deviation},
      {"more-steps",
       "What do more inner steps do?",
       "§4.1",
       "1 to 64 inner steps at inference: if the layer memorised, a lower inner loss would help.",
       more_steps_cost,
       run_more_steps,
       more_steps_cost,
       run_image_steps},
      {"ascent",
       "Does gradient ascent work as well?",
       "§4.2",
       "The sign of the inner step turned: with the same weights, and with weights that absorb it.",
       ascent_cost,
       run_ascent,
       ascent_cost,
       run_image_ascent},
      {"keys-queries",
       "Are queries and keys distributed alike?",
       "§4.3",
       "Projections of queries and keys, values and outputs, and two-sample tests, layer by layer.",
       keys_cost,
       run_keys,
       image_keys_cost,
       run_image_keys},
      {"query-is-key",
       "Does the query matter?",
       "§4.4",
       "The key in the query's place at inference.",
       query_cost,
       run_query,
       query_cost,
       run_image_query},
      {"ablation",
       "What does each part of the layer give?",
       "§6.1, Table 2",
       "The rows of the variant table by models trained as them: differences of quality, paired, "
       "and "
       "speed in both forms, beside the paper's.",
       ablation_cost,
       run_ablation,
       ablation_cost,
       run_image_ablation},
      {"streaming",
       "What if views come one by one?",
       "",
       "Quality over views read at once, in chunks and one by one; the state's size; the cost of a "
       "further view.",
       streaming_cost,
       run_streaming,
       nullptr,
       nullptr},
  }};
  return probes;
}

const LabProbe& find_lab_probe(const std::string& name) {
  std::string names;
  for (const LabProbe& probe : lab_probes()) {
    if (name == probe.name) {
      return probe;
    }
    names += (names.empty() ? "" : ", ") + std::string(probe.name);
  }
  throw UsageError(ErrorParts{.what = "there is no probe '" + name + "'",
                              .where = "--probe",
                              .expected = "one of " + names});
}

}  // namespace parallax
