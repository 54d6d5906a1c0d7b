// Projects one layer's tokens and measures its inner loop, for the probe.
#include <algorithm>

#include "core/base/error.h"
#include "vision/lab/equivalence.h"
#include "vision/lab/projections.h"
#include "vision/lab/two_samples.h"
#include "vision/viewer/view_engine.h"

namespace parallax::view {
namespace {

constexpr int64_t kMaxPoints = 400;  // per set

// Beyond so many inner steps the linear attention has too many keys to be looked at in passing.
constexpr int kMostStepsChecked = 4;

// Projects two sets of tokens into the plane of their joint first two principal directions.
std::pair<std::vector<Point>, std::vector<Point>> project(const Tensor& a,  // [N, D]
                                                          const Tensor& b) {
  const Tensor flat = lab::principal_plane(torch::cat({a, b}));
  const auto* xy = flat.data_ptr<double>();
  std::vector<Point> points;
  for (int64_t i = 0; i < flat.size(0); ++i) {
    points.push_back({static_cast<float>(xy[2 * i]), static_cast<float>(xy[2 * i + 1])});
  }
  return {{points.begin(), points.begin() + a.size(0)}, {points.begin() + a.size(0), points.end()}};
}

TokenProjection inspect(ViewEngine& engine, const SceneData& scene, const ProjectionTask& task) {
  const torch::InferenceMode inference;
  const ModelPtr model = engine.model(task.source.model);
  const LactNvs& module = *model->module;
  const ReconstructionPtr reconstruction = engine.reconstruct(scene, task.source, task.inputs);
  const InputBatch batch =
      gather_inputs(scene, task.inputs, reconstruction->transform, engine.device());
  const int blocks = model->card.options.layers;
  const int block = std::clamp(task.block, 0, blocks - 1);
  // The tokens of earlier blocks depend on the rule too.
  const ScopedRule change(*model->module, changed_rule(model->module->rule(), task.source.change));
  const TttInputs inputs = module.layer_inputs(batch.images, batch.cameras, block);
  const LactLayer& layer = module.layer(block);
  UpdateRule rule = layer.rule();
  const int steps = rule.switches.inner_steps;
  rule.switches.inner_steps = 1;
  InnerState state = start_state(rule, layer.initial_weights(1));
  TokenProjection result{.source = task.source, .block = block, .blocks = blocks};
  result.losses.push_back(lab::inner_loss(rule.switches, inputs, state.weights));
  const int64_t tokens = inputs.k.size(1);
  TttResult last;
  for (int step = 0; step < steps; ++step) {
    last = run_recurrent(rule, state, inputs, {{0, tokens, true, step + 1 == steps}});
    state = last.state;
    result.losses.push_back(lab::inner_loss(rule.switches, inputs, state.weights));
  }
  const Tensor queries = query_range(rule.switches, inputs, 0, tokens);
  result.query_key_cosine = torch::cosine_similarity(queries, inputs.k, -1).mean().item<double>();
  // The first head's tokens.
  const auto thinned = [](const Tensor& heads) { return lab::thinned(heads[0], kMaxPoints); };
  std::tie(result.queries, result.keys) = project(thinned(queries), thinned(inputs.k));
  std::tie(result.values, result.outputs) = project(thinned(inputs.v), thinned(last.output));
  result.told_apart = lab::two_sample_accuracy(thinned(queries), thinned(inputs.k)).mean;
  if (steps <= kMostStepsChecked) {
    result.equivalence =
        lab::measure_equivalence(
            {.rule = layer.rule(), .weights = layer.initial_weights(1), .inputs = inputs}, 0)
            .float64;
  }
  return result;
}

}  // namespace

TaskStep begin_projection(const std::shared_ptr<ViewEngine>& engine, const ProjectionTask& task) {
  const SceneDataPtr scene = engine->scene(task.scene);
  return [engine, scene, task](const WorkControl& control) {
    control.emit(inspect(*engine, *scene, task));
    return false;
  };
}

}  // namespace parallax::view
