// `parallax train nvs`: LaCT-NVS from scratch on procedural scenes, from other weights, or on one
// scene.
#include <ATen/Parallel.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "apps/common/nvs_options.h"
#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "apps/train/train_run.h"
#include "core/base/build_info.h"
#include "core/base/device.h"
#include "vision/models/lact_nvs/finer_patches.h"
#include "vision/models/module_weights.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/image_size.h"
#include "vision/train/nvs/nvs_task.h"
#include "vision/train/nvs/procedural_source.h"
#include "vision/train/nvs/scene_source.h"

namespace parallax {
namespace {

struct TrainNvsOptions {
  std::string init;
  std::string scene;
  std::string form = "parallel";
  bool streamed = false;
  std::string device = "cpu";
  std::string dtype = "float32";
  std::string export_dtype = "float16";
  double ssim_weight = 0;
  double gradient_weight = 0;
  int kept_back = 0;
  std::string normalise_poses = "auto";
  std::string background = "white";
  std::string image_folder;
  std::string json;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("init",
            self.init,
            "start from this model's weights (any variant's, also with coarser patches) where they "
            "fit");
    visitor("scene", self.scene, "adapt the model to this scene's input views");
    visitor("form", self.form, "recurrent or parallel");
    visitor("streamed",
            self.streamed,
            "read input views one after the other, each an update of its own");
    visitor("device", self.device, "cpu, cuda or cuda:<index>");
    visitor("dtype", self.dtype, "float32, or bfloat16 for mixed precision");
    visitor("export_dtype",
            self.export_dtype,
            "type of model.safetensors: float16, bfloat16 or float32");
    visitor("ssim_weight", self.ssim_weight, "weight of 1 - SSIM in the loss", OptionRange{0, 100});
    visitor("gradient_weight",
            self.gradient_weight,
            "weight of the pixel differences' squared error in the loss",
            OptionRange{0, 100});
    visitor("kept_back",
            self.kept_back,
            "with --scene: input views held back to tell when to stop; 0: a sixteenth",
            OptionRange{0, 1000});
    visitor("normalise_poses", self.normalise_poses, "with --scene: auto, none, scene or object");
    visitor("background", self.background, "with --scene: colour behind transparent pixels");
    visitor("image_folder",
            self.image_folder,
            "with --scene: folder of its photographs, in the scene's own");
    visitor("json", self.json, "write the results here; - is stdout");
  }
};

struct TrainNvsCommand {
  CLI::App* app = nullptr;
  TrainNvsOptions nvs;
  LactNvsOptions model = small_model();
  NvsDataOptions data;
  SceneAugmentOptions augment;
  TrainOptions train;
  TrainRunOptions run{.output = "output/train-nvs"};
  CommonOptions common;

  // A model that two cores train in minutes.
  static LactNvsOptions small_model() {
    LactNvsOptions options;
    options.dim = 128;
    options.layers = 6;
    options.attention_head_dim = 64;
    options.ttt_head_dim = 128;
    options.inter_multi = 1.5;
    options.mlp_inter_multi = 2;
    options.muon_update_steps = 0;
    options.variant = "2";
    return options;
  }
};

NvsTaskOptions task_options(const TrainNvsOptions& options, const RankInfo& ranks) {
  return {.form = parse_training_form(options.form),
          .streamed = options.streamed,
          .device = parse_rank_device(options.device, ranks),
          .dtype = parse_dtype(options.dtype),
          .export_dtype = parse_export_dtype(options.export_dtype),
          .ssim_weight = options.ssim_weight,
          .gradient_weight = options.gradient_weight};
}

// The configuration: options that were given, else the initial model's, else the small default.
// Variants whose feature map is the identity have one square fast weight.
LactNvsOptions choose_configuration(const TrainNvsCommand& command, const NvsModel* init) {
  LactNvsOptions options = init == nullptr
                               ? command.model
                               : overlay_given(*command.app, command.model, init->card.options);
  const bool square = find_variant(options.variant).switches.feature_map == FeatureMap::kIdentity;
  const bool was_square =
      init != nullptr &&
      find_variant(init->card.options.variant).switches.feature_map == FeatureMap::kIdentity;
  if (!is_given(*command.app, "--inter-multi")) {
    options.inter_multi = square       ? 1
                          : was_square ? TrainNvsCommand::small_model().inter_multi
                                       : options.inter_multi;
  }
  check_lact_options(options, "command line");
  const auto reason = why_no_parallel_form(find_variant(options.variant).switches);
  if (command.nvs.streamed && parse_training_form(command.nvs.form) == Form::kParallel && reason) {
    throw UsageError(ErrorParts{
        .what = fmt::format(
            "variant {} has no parallel form over streamed views: {}", options.variant, *reason),
        .where = "--streamed",
        .remedy = "Use --form recurrent."});
  }
  return options;
}

std::shared_ptr<LactNvs> make_module(const LactNvsOptions& options,
                                     const NvsModel* init,
                                     int64_t seed,
                                     bool quiet) {
  require_memory(8 * estimate_weight_bytes(options),
                 "training the model",
                 "Train a smaller model: --dim, --layers.");
  torch::manual_seed(static_cast<uint64_t>(seed));
  auto module = std::make_shared<LactNvs>(options);
  module->initialise();
  if (init != nullptr) {
    TensorMap weights = collect_weights(*init->module, torch::kFloat32);
    if (init->card.options.patch_size != options.patch_size) {
      refine_patches(weights, init->card.options.patch_size, options.patch_size);
    }
    const std::vector<std::string> left = load_fitting_weights(*module, weights);
    if (!left.empty() && !quiet) {
      fmt::print(stderr,
                 "{} of the model's tensors do not fit {} and start from new values: {}\n",
                 left.size(),
                 init->name,
                 fmt::join(left, ", "));
    }
  }
  return module;
}

template <class... Options>
nlohmann::json recipe_of(const Options&... options) {
  nlohmann::json recipe;
  (recipe.update(options_to_json(options)), ...);
  for (const char* beside : {"json", "device"}) {
    recipe.erase(beside);
  }
  // In the form's words, so that runs begun before there was the option go on.
  if (recipe.value("streamed", false)) {
    recipe["form"] = recipe.value("form", "") + ", streamed";
  }
  recipe.erase("streamed");
  return recipe;
}

void report(const TrainNvsCommand& command, nlohmann::json results, const std::string& text) {
  if (command.nvs.json != "-") {
    fmt::print("{}", text);
  }
  if (!command.nvs.json.empty()) {
    results["provenance"] = provenance_json();
    write_json(command.nvs.json, results);
  }
}

// How a run ended, and its results; none if there is nothing to report: on ranks other than the
// first, or after a signal.
struct TrainedRun {
  TrainEnd end = TrainEnd::kFinished;
  std::optional<nlohmann::json> results;
};

TrainedRun train(const TrainNvsCommand& command,
                 NvsTask& task,
                 const std::string& title,
                 ProcessGroup& ranks) {
  Trainer trainer(task,
                  command.train,
                  recipe_of(command.model, command.data, command.augment, command.nvs),
                  command.run.output,
                  ranks);
  TrainedRun run{
      .end = run_training(trainer, command.run, command.train, title, ranks, command.common.quiet)};
  if (ranks.is_first() && run.end != TrainEnd::kStopped) {
    run.results = trainer.results();
  }
  return run;
}

// ---- procedural scenes

nlohmann::json procedural_card(const TrainNvsCommand& command,
                               const ProceduralSource& source,
                               const NvsModel* init) {
  return {{"began_with", init != nullptr ? nlohmann::json(init->name) : nlohmann::json()},
          {"total_steps", init != nullptr ? init->card.total_steps : 0},
          {"reading", reading_name(command.nvs.streamed)},
          {"variant", command.model.variant},
          {"image_size", {source.final_height(), source.final_width()}},
          {"input_views", command.data.input_views},
          {"data", "procedural scenes, new in every step; difficulty " + command.data.difficulty},
          {"cameras", {{"object_centric", true}, {"radius", simple_family().camera_radius.low}}},
          {"command", command_line()},
          {"commit", build_commit()}};
}

// One thread draws scenes beside a step on the CPU; all but the one that keeps a GPU busy else.
int drawing_threads(torch::Device device) {
  return device.is_cuda() ? std::max(1, at::get_num_threads() - 1) : 1;
}

int train_on_procedural_scenes(TrainNvsCommand& command) {
  const RankInfo info = rank_from_environment();
  const NvsTaskOptions options = task_options(command.nvs, info);
  std::optional<NvsModel> init;
  if (!command.nvs.init.empty()) {
    init = load_nvs_model(command.nvs.init);
  }
  command.model = choose_configuration(command, init ? &*init : nullptr);
  const ProceduralSource source(command.data,
                                command.train.seed,
                                command.train.steps,
                                command.model.patch_size,
                                drawing_threads(options.device));
  shard_of_batch(
      parse_count(StagedValue(command.data.batch_size, "--batch-size").last(), "--batch-size", 1),
      0,
      static_cast<int64_t>(command.train.accumulate) * info.world_size);
  check_run_folder(command.run);
  ProcessGroup ranks(info, command.run.rank_timeout);
  const auto module = make_module(command.model,
                                  init ? &*init : nullptr,
                                  command.train.seed,
                                  command.common.quiet || !ranks.is_first());
  module->to(options.device);
  NvsTask task(module, source, options, procedural_card(command, source, init ? &*init : nullptr));
  const auto [end, results] =
      train(command, task, "LaCT-NVS, variant " + command.model.variant, ranks);
  if (results) {
    report(command,
           *results,
           fmt::format("held-out scenes: {:.2f} dB, inside the objects {} dB\n",
                       results->at("score").get<double>(),
                       format_metric(results->value("held_out_masked_psnr", NAN), 2)));
  }
  return exit_code(end);
}

// ---- one scene

// Short, gentle, and stopped by the held-back views.
TrainOptions scene_defaults() {
  TrainOptions defaults;
  defaults.steps = 1500;
  defaults.warmup_steps = 20;
  defaults.ema = 0.995;
  defaults.evaluate_every = 100;
  defaults.patience = 8;
  defaults.max_minutes = 10;
  return defaults;
}

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
  auto [end, results] = train(command, task, "LaCT-NVS adapted to " + prepared.name, ranks);
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

int run_train_nvs(TrainNvsCommand& command) {
  configure_threads(command.common);
  return command.nvs.scene.empty() ? train_on_procedural_scenes(command) : adapt_to_scene(command);
}

}  // namespace

Command add_train_nvs_command(CLI::App& train) {
  auto command = std::make_shared<TrainNvsCommand>();
  CLI::App* app =
      add_subcommand(train,
                     "nvs",
                     "Train a novel-view-synthesis model",
                     "Examples:\n"
                     "  parallax train nvs --variant 2 --dtype bfloat16 --size 32x32@0,64x64@0.4 "
                     "--batch-size 16@0,4@0.4 -o output/v2\n"
                     "  parallax train nvs --scene assets/scenes/procedural_a -o output/adapted\n"
                     "  torchrun --no-python --nproc-per-node 2 parallax train nvs -o output/two");
  command->app = app;
  add_options(*app, command->run);
  add_options(*app, command->nvs);
  add_options(*app, command->model, "Model (with --init or --scene: that model's, unless given)");
  add_options(*app, command->data, "Views");
  add_options(*app, command->augment, "Augmentation, with --scene");
  add_options(*app, command->train, "Steps and optimiser");
  add_options(*app, command->common);
  note_defaults(*app, TrainOptions{}, scene_defaults(), "with --scene");
  note_default(*app, "--init", std::string("with --scene: ") + kDefaultNvsModel);
  note_default(*app, "--batch-size", "with --scene: 1");
  note_default(*app, "--target-views", "with --scene: a fifth of the scene's, up to 12");
  note_default(*app, "--input-views", "with --scene: seven eighths of the scene's");
  note_default(*app, "--size", "with --scene: the model's");
  return {app, [command] { return run_train_nvs(*command); }};
}

}  // namespace parallax
