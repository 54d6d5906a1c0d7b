// `parallax train nvs`: LaCT-NVS from scratch on procedural scenes, from other weights, or on one
// scene.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "apps/train/nvs_training.h"
#include "apps/train/train_scene.h"
#include "core/base/build_info.h"
#include "vision/train/nvs/procedural_source.h"

namespace parallax {
namespace {

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
      train_nvs(command, task, "LaCT-NVS, variant " + command.model.variant, ranks);
  if (results) {
    report(command,
           *results,
           fmt::format("held-out scenes: {:.2f} dB, inside the objects {} dB\n",
                       results->at("score").get<double>(),
                       format_metric(results->value("held_out_masked_psnr", NAN), 2)));
  }
  return exit_code(end);
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
