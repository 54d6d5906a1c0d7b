// What training LaCT-NVS on procedural scenes and on one scene have in common: options, the model
// to begin with, the run and its report.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "apps/common/cli.h"
#include "apps/train/train_run.h"
#include "vision/models/lact_nvs/model_store.h"
#include "vision/train/nvs/nvs_data_options.h"
#include "vision/train/nvs/nvs_task.h"
#include "vision/train/nvs/scene_source.h"

namespace parallax {

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

NvsTaskOptions task_options(const TrainNvsOptions& options, const RankInfo& ranks);

// The configuration: options that were given, else the initial model's, else the small default.
// Variants whose feature map is the identity have one square fast weight. Throws UsageError where
// the variant cannot be trained in the form asked for.
LactNvsOptions choose_configuration(const TrainNvsCommand& command, const NvsModel* init);

// A new model with what fits of the initial one's weights; says what does not, unless `quiet`.
std::shared_ptr<LactNvs> make_module(const LactNvsOptions& options,
                                     const NvsModel* init,
                                     int64_t seed,
                                     bool quiet);

// How a run ended, and its results; none if there is nothing to report: on ranks other than the
// first, or after a signal.
struct TrainedRun {
  TrainEnd end = TrainEnd::kFinished;
  std::optional<nlohmann::json> results;
};

TrainedRun train_nvs(const TrainNvsCommand& command,
                     NvsTask& task,
                     const std::string& title,
                     ProcessGroup& ranks);

// Prints the text, unless stdout is to have the results, and writes these where they are asked for.
void report(const TrainNvsCommand& command, nlohmann::json results, const std::string& text);

}  // namespace parallax
