// One scene's views, its defaults and what is measured.
#include "apps/train/train_scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "apps/common/nvs_options.h"
#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "core/base/build_info.h"
#include "core/base/device.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/image_size.h"
#include "vision/train/staged_value.h"

namespace parallax {
namespace {

// Defaults for options that the user did not give.
void use_scene_defaults(TrainNvsCommand& command, int views) {
  command.train = overlay_given(*command.app, command.train, scene_defaults());
  if (!is_given(*command.app, "--batch-size")) {
    command.data.batch_size = "1";
  }
  if (!is_given(*command.app, "--target-views")) {
    command.data.target_views = std::clamp(views / 5, 1, 12);
  }
  if (!is_given(*command.app, "--input-views")) {
    command.data.input_views = std::to_string(std::max(1, views - std::max(1, views / 8)));
  }
}

PreparedScene prepare_training_scene(const TrainNvsCommand& command,
                                     const Scene& scene,
                                     const NvsModel& model) {
  NvsRunOptions run;
  run.size = is_given(*command.app, "--size") ? command.data.size : "";
  run.input_views = command.data.input_views;
  run.normalise_poses = command.nvs.normalise_poses;
  run.background = command.nvs.background;
  return prepare_scene(scene, model, prepare_options(run));
}

// The images that warped views are sampled from, at twice the size, as they would be blurred
// otherwise. Empty if there is no warping, or no alpha to tell what is outside the images.
std::optional<ViewSet> load_detailed_views(const TrainNvsCommand& command,
                                           const Scene& scene,
                                           const PreparedScene& prepared) {
  if (!command.augment.warp().any() || !prepared.inputs.alpha.defined()) {
    return std::nullopt;
  }
  return load_inputs(scene,
                     prepared,
                     {.height = 2 * prepared.height,
                      .width = 2 * prepared.width,
                      .background = parse_colour(command.nvs.background)});
}

// Measures the model on the held-out views, reading all input views; empty if none are held out.
std::optional<ViewMetrics> measure(const NvsModel& model,
                                   const PreparedScene& scene,
                                   const NvsTaskOptions& options) {
  if (scene.targets.indices.empty()) {
    return std::nullopt;
  }
  model.module->eval();
  return evaluate_form(
             model, scene, options.form, {.device = options.device, .streamed = options.streamed})
      .mean;
}

}  // namespace

int adapt_to_scene(TrainNvsCommand& command) {
  const RankInfo info = rank_from_environment();
  const NvsTaskOptions options = task_options(command.nvs, info);
  const Scene scene = load_scene(command.nvs.scene, {.image_folder = command.nvs.image_folder});
  use_scene_defaults(command, static_cast<int>(scene.views.size()));
  NvsModel model = load_nvs_model(command.nvs.init.empty() ? kDefaultNvsModel : command.nvs.init);
  command.model = choose_configuration(command, &model);
  check_run_folder(command.run);
  const PreparedScene prepared = prepare_training_scene(command, scene, model);
  const std::optional<ViewSet> detailed = load_detailed_views(command, scene, prepared);
  const cv::Vec3b background = parse_colour(command.nvs.background);
  const SceneSource source(prepared,
                           {.batch_size = parse_count(command.data.batch_size, "--batch-size", 1),
                            .target_views = command.data.target_views,
                            .augment = command.augment,
                            .background = cv::Vec3f(background) / 255.0F,
                            .kept_back = command.nvs.kept_back},
                           command.train.seed,
                           detailed ? &*detailed : nullptr);
  ProcessGroup ranks(info, command.run.rank_timeout);
  const bool quiet = command.common.quiet || !ranks.is_first();
  model.module = make_module(command.model, &model, command.train.seed, quiet);
  model.card.options = command.model;
  model.module->to(options.device);
  const auto before = measure(model, prepared, options);

  nlohmann::json card = model.card.json;
  card["variant"] = command.model.variant;
  card["reading"] = reading_name(command.nvs.streamed);
  card["adapted_to"] = prepared.name;
  card["began_with"] = model.name;
  card["image_size"] = {prepared.height, prepared.width};
  card["command"] = command_line();
  card["commit"] = build_commit();
  NvsTask task(model.module, source, options, card);
  auto [end, results] = train_nvs(command, task, "LaCT-NVS adapted to " + prepared.name, ranks);
  if (!results) {
    return exit_code(end);
  }
  const auto after = measure(model, prepared, options);
  std::string text =
      fmt::format("held-back views: {:.2f} dB\n", results->at("score").get<double>());
  if (before && after) {
    (*results)["before"] = metrics_json(*before);
    (*results)["after"] = metrics_json(*after);
    text = format_table({{"held-out views", "PSNR dB", "SSIM", "masked dB"},
                         {"before",
                          format_metric(before->psnr, 2),
                          format_metric(before->ssim, 4),
                          format_metric(before->masked_psnr, 2)},
                         {"after",
                          format_metric(after->psnr, 2),
                          format_metric(after->ssim, 4),
                          format_metric(after->masked_psnr, 2)}});
  }
  report(command, *results, text);
  return kExitDone;
}

}  // namespace parallax
