// Projects one layer's tokens and measures its inner loop, for the probe.
#include <algorithm>

#include "core/base/error.h"
#include "vision/viewer/view_engine.h"

namespace parallax::view {
namespace {

constexpr int64_t kMaxPoints = 400;  // per set

// Projects two sets of tokens into the plane of their joint first two principal directions.
std::pair<std::vector<Point>, std::vector<Point>> project(const Tensor& a,  // [N, D]
                                                          const Tensor& b) {
  const Tensor all = torch::cat({a, b}).to(torch::kCPU, torch::kFloat64);
  const Tensor centred = all - all.mean(0, true);
  const auto [values, directions] = at::linalg_eigh(centred.t().matmul(centred));
  // Eigenvalues are in ascending order: the last two columns span the plane.
  Tensor plane = directions.slice(1, directions.size(1) - 2).flip(1);
  // An eigenvector's sign is arbitrary; a fixed choice keeps the plot from flipping.
  plane = plane * plane.sum(0, true).sign().where(plane.sum(0, true) != 0,
                                                  torch::ones({1, 2}, plane.options()));
  const Tensor flat = centred.matmul(plane).contiguous();  // [2N, 2]
  const auto* xy = flat.data_ptr<double>();
  std::vector<Point> points;
  for (int64_t i = 0; i < flat.size(0); ++i) {
    points.push_back({static_cast<float>(xy[2 * i]), static_cast<float>(xy[2 * i + 1])});
  }
  return {{points.begin(), points.begin() + a.size(0)}, {points.begin() + a.size(0), points.end()}};
}

// The mean over heads and tokens of −⟨f(k), v⟩, or of ½‖f(k) − v‖².
double inner_loss(const VariantSwitches& rule,
                  const TttInputs& inputs,
                  const FastWeights& weights) {
  const Tensor prediction = apply_fast_weights(rule, inputs.k, weights);
  const Tensor loss = rule.loss == InnerLoss::kMse ? (prediction - inputs.v).square().sum(-1) * 0.5
                                                   : -(prediction * inputs.v).sum(-1);
  return loss.mean().item<double>();
}

// The first head's tokens, evenly thinned out.
Tensor thinned(const Tensor& tokens) {  // [heads, L, D] → [N, D]
  const int64_t step = std::max<int64_t>(1, (tokens.size(1) + kMaxPoints - 1) / kMaxPoints);
  return tokens[0].slice(0, 0, tokens.size(1), step);
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
  const ChangedRule change(*model->module, task.source.change);
  const TttInputs inputs = module.layer_inputs(batch.images, batch.cameras, block);
  const LactLayer& layer = module.layer(block);
  UpdateRule rule = layer.rule();
  const int steps = rule.switches.inner_steps;
  rule.switches.inner_steps = 1;
  InnerState state = start_state(rule, layer.initial_weights(1));
  TokenProjection result{.source = task.source, .block = block, .blocks = blocks};
  result.losses.push_back(inner_loss(rule.switches, inputs, state.weights));
  const int64_t tokens = inputs.k.size(1);
  TttResult last;
  for (int step = 0; step < steps; ++step) {
    last = run_recurrent(rule, state, inputs, {{0, tokens, true, step + 1 == steps}});
    state = last.state;
    result.losses.push_back(inner_loss(rule.switches, inputs, state.weights));
  }
  const Tensor queries = query_range(rule.switches, inputs, 0, tokens);
  result.query_key_cosine = torch::cosine_similarity(queries, inputs.k, -1).mean().item<double>();
  std::tie(result.queries, result.keys) = project(thinned(queries), thinned(inputs.k));
  std::tie(result.values, result.outputs) = project(thinned(inputs.v), thinned(last.output));
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
