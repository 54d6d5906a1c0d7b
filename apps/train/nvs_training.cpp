// The model to begin with, the run's recipe and its report.
#include "apps/train/nvs_training.h"

#include <fmt/ranges.h>

#include <cstdio>

#include "apps/report/results.h"
#include "core/base/device.h"
#include "vision/models/lact_nvs/finer_patches.h"
#include "vision/models/module_weights.h"

namespace parallax {
namespace {

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

}  // namespace

NvsTaskOptions task_options(const TrainNvsOptions& options, const RankInfo& ranks) {
  return {.form = parse_training_form(options.form),
          .streamed = options.streamed,
          .device = parse_rank_device(options.device, ranks),
          .dtype = parse_dtype(options.dtype),
          .export_dtype = parse_export_dtype(options.export_dtype),
          .ssim_weight = options.ssim_weight,
          .gradient_weight = options.gradient_weight};
}

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

void report(const TrainNvsCommand& command, nlohmann::json results, const std::string& text) {
  if (command.nvs.json != "-") {
    fmt::print("{}", text);
  }
  if (!command.nvs.json.empty()) {
    results["provenance"] = provenance_json();
    write_json(command.nvs.json, results);
  }
}

TrainedRun train_nvs(const TrainNvsCommand& command,
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

}  // namespace parallax
