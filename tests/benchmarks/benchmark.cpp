// Timings with google-benchmark: the TTT layer per variant and form, and the bundled model's
// reconstruct and render, the classifiers. Build target `parallax_benchmarks`; not a test.
//
// Ratios are stable with --benchmark_enable_random_interleaving=true --benchmark_repetitions=5
// --benchmark_report_aggregates_only=true.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "core/base/paths.h"
#include "core/ttt/form.h"
#include "core/ttt/parallel.h"
#include "tests/benchmarks/benchmark_classify.h"
#include "tests/support/random_layer.h"
#include "vision/eval/prepared_scene.h"
#include "vision/models/lact_nvs/model_store.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/synth/multi_view_sample.h"

namespace parallax {
namespace {

constexpr int64_t kHeads = 4;
constexpr int64_t kWidth = 64;
constexpr int64_t kHidden = 128;
constexpr int64_t kTokens = 8192;

testing::RandomLayer make_layer(const Variant& variant, int newton_schulz_steps) {
  testing::RandomLayer layer = testing::random_layer(variant.switches,
                                                     {.heads = kHeads,
                                                      .width = kWidth,
                                                      .hidden = kHidden,
                                                      .tokens = kTokens,
                                                      .weight_scale = 0.1,
                                                      .rate_scale = 0.03},
                                                     1);
  layer.rule.newton_schulz.steps = newton_schulz_steps;
  return layer.to(torch::kFloat32);
}

// `chunk` tokens per update; 0: one update over all tokens, then apply to all.
void time_layer(benchmark::State& state, const Variant& variant, Form form, int64_t chunk) {
  const torch::InferenceMode inference;
  const testing::RandomLayer p = make_layer(variant, 5);
  const Schedule schedule = chunk > 0 ? update_then_apply_chunks(kTokens, chunk)
                                      : update_then_apply_all(kTokens, kTokens);
  for (auto _ : state) {
    benchmark::DoNotOptimize(form == Form::kParallel
                                 ? run_parallel(p.rule, p.weights, p.inputs, schedule).output
                                 : run_recurrent(p.rule, p.weights, p.inputs, schedule).output);
  }
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(kTokens),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}

struct SceneProblem {
  NvsModel model;
  PreparedScene scene;
};

const SceneProblem& scene_problem() {
  static const SceneProblem problem = [] {
    SceneProblem p{.model = load_nvs_model(kDefaultNvsModel)};
    p.scene = prepare_scene(load_scene(assets_folder() / "scenes" / "procedural_a"), p.model, {});
    return p;
  }();
  return problem;
}

void time_reconstruct(benchmark::State& state, Form form) {
  const torch::InferenceMode inference;
  const SceneProblem& p = scene_problem();
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        p.model.module->reconstruct(p.scene.inputs.images, p.scene.inputs.batch, form).blocks);
  }
}

void time_render(benchmark::State& state) {
  const torch::InferenceMode inference;
  const SceneProblem& p = scene_problem();
  const SceneState scene =
      p.model.module->reconstruct(p.scene.inputs.images, p.scene.inputs.batch, Form::kParallel);
  const CameraBatch one = p.scene.targets.batch.slice(0, 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(p.model.module->render(scene, one));
  }
}

// The data of `train nvs`: views of a new scene each time, including building it.
void time_scene(benchmark::State& state, const char* family) {
  constexpr int kViews = 12;
  std::uint64_t seed = 1;
  for (auto _ : state) {
    benchmark::DoNotOptimize(sample_scene(family_by_name(family), seed++, kViews, 64, 64, 2));
  }
  state.counters["views/s"] = benchmark::Counter(static_cast<double>(kViews),
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

constexpr int64_t kTrainScenes = 4;
constexpr int64_t kTrainInputs = 6;
constexpr int64_t kTrainTargets = 4;
constexpr int64_t kTrainSide = 64;

CameraBatch train_cameras(int64_t views) {
  const std::vector<Camera> path(views, orbit_camera(30, 20, 2.7, 50, kTrainSide, kTrainSide));
  const CameraBatch one = to_camera_batch(path);
  return {one.fxfycxcy.expand({kTrainScenes, -1, -1}),
          one.c2w.expand({kTrainScenes, -1, -1, -1}),
          kTrainSide,
          kTrainSide};
}

// Forward and backward pass at the default size of `train nvs`, without the optimiser.
void time_training_step(benchmark::State& state, const Variant& variant, Form form) {
  LactNvsOptions options;
  options.dim = 128;
  options.layers = 6;
  options.ttt_head_dim = 128;
  options.inter_multi = variant.switches.feature_map == FeatureMap::kIdentity ? 1 : 1.5;
  options.mlp_inter_multi = 2;
  options.muon_update_steps = 0;
  options.variant = variant.name;
  LactNvs module(options);
  module.initialise();
  module.freeze_unused();
  const CameraBatch inputs = train_cameras(kTrainInputs);
  const CameraBatch targets = train_cameras(kTrainTargets);
  const Tensor images = torch::rand({kTrainScenes, kTrainInputs, 3, kTrainSide, kTrainSide});
  const Tensor truth = torch::rand({kTrainScenes, kTrainTargets, 3, kTrainSide, kTrainSide});
  for (auto _ : state) {
    module.zero_grad();
    (module.forward(images, inputs, targets, form) - truth).square().mean().backward();
  }
}

void register_all() {
  for (const Variant& variant : kVariants) {
    for (const int64_t chunk : {512, 0}) {
      for (const Form form : {Form::kRecurrent, Form::kParallel}) {
        if (form == Form::kParallel && chunk > 0 && why_no_parallel_form(variant.switches)) {
          continue;
        }
        const std::string name =
            fmt::format("layer/variant:{}/{}/{}",
                        variant.name,
                        chunk > 0 ? fmt::format("chunk:{}", chunk) : "one_range",
                        form_name(form));
        benchmark::RegisterBenchmark(name.c_str(),
                                     [&variant, form, chunk](benchmark::State& state) {
                                       time_layer(state, variant, form, chunk);
                                     })
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime();
      }
    }
  }
  for (const Variant& variant : kVariants) {
    for (const Form form : {Form::kRecurrent, Form::kParallel}) {
      benchmark::RegisterBenchmark(
          fmt::format("train_step/variant:{}/{}", variant.name, form_name(form)).c_str(),
          [&variant, form](benchmark::State& state) { time_training_step(state, variant, form); })
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
    }
  }
  for (const char* family : {"simple", "mixed"}) {
    benchmark::RegisterBenchmark(fmt::format("scene/{}/12_views_64x64", family).c_str(),
                                 [family](benchmark::State& state) { time_scene(state, family); })
        ->Unit(benchmark::kMillisecond);
  }
  for (const Form form : {Form::kRecurrent, Form::kParallel}) {
    benchmark::RegisterBenchmark(fmt::format("reconstruct/8_views/{}", form_name(form)).c_str(),
                                 [form](benchmark::State& state) { time_reconstruct(state, form); })
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
  benchmark::RegisterBenchmark("render/1_view", time_render)
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

}  // namespace
}  // namespace parallax

int main(int argc, char** argv) {
  parallax::register_all();
  parallax::register_classify_benchmarks();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
