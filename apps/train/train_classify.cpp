// `parallax train classify`: a ViT³ classifier on a folder of images.
#include <fmt/format.h>

#include <cstdio>

#include "apps/common/nvs_options.h"
#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "apps/train/train_run.h"
#include "core/base/build_info.h"
#include "core/base/device.h"
#include "core/base/progress.h"
#include "vision/models/module_weights.h"
#include "vision/train/classify/classify_task.h"

namespace parallax {
namespace {

constexpr int64_t kTrainingCopies = 8;  // weights, gradients, averages, optimiser

struct TrainClassifyOptions {
  std::string data;
  std::string validation;
  std::string truth;
  std::string validation_truth;
  std::string preset;
  std::string init;
  std::string teacher;
  double teacher_weight = 0.5;
  int batch_size = 64;
  std::string train_size;
  int workers = 2;
  std::string form = "parallel";
  std::string device = "cpu";
  std::string dtype = "float32";
  std::string export_dtype = "float16";
  std::string cache;
  std::string json;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("data", self.data, "training images: a folder with one sub-folder per class");
    visitor("validation", self.validation, "images for evaluation, in a folder of the same kind");
    visitor("truth",
            self.truth,
            "file of the training images' classes, such as a CSV of image and class (default: "
            "sub-folders' names, else a file beside the images)");
    visitor("validation_truth", self.validation_truth, "the same of the images for evaluation");
    visitor("preset", self.preset, "a published size: vit3-t, -s, -b or h-vit3-t, -s, -b");
    visitor("init", self.init, "start from this classifier's weights where they fit");
    visitor("teacher",
            self.teacher,
            "soft labels: a safetensors file with 'probabilities' [images, classes], the images "
            "in the order of their paths");
    visitor("teacher_weight",
            self.teacher_weight,
            "weight of the soft labels in the targets",
            OptionRange{0, 1});
    visitor("batch_size",
            self.batch_size,
            "images per step over all processes",
            OptionRange{1, 1 << 20});
    visitor("train_size",
            self.train_size,
            "side of the training images; may change during the run: 32@0,64@0.6 (default: "
            "--image-size)");
    visitor("workers",
            self.workers,
            "threads that decode the images into the cache",
            OptionRange{1, 256});
    visitor("form", self.form, "recurrent or parallel");
    visitor("device", self.device, "cpu, cuda or cuda:<index>");
    visitor("dtype", self.dtype, "float32, or bfloat16 for mixed precision");
    visitor("export_dtype",
            self.export_dtype,
            "type of model.safetensors: float16, bfloat16 or float32");
    visitor("cache", self.cache, "folder for decoded images (default: the user's cache)");
    visitor("json", self.json, "write the results here; - is stdout");
  }
};

struct TrainClassifyCommand {
  CLI::App* app = nullptr;
  TrainClassifyOptions classify;
  // A model that two cores train in hours: eight tokens per side.
  Vit3Options model{.depths = {9}, .patch_size = 8, .image_size = 64};
  AugmentOptions augment;
  TrainOptions train;
  TrainRunOptions run{.output = "output/train-classify"};
  CommonOptions common;
};

ClassifyTaskOptions task_options(const TrainClassifyCommand& command, const RankInfo& ranks) {
  const TrainClassifyOptions& o = command.classify;
  return {.form = parse_training_form(o.form),
          .device = parse_rank_device(o.device, ranks),
          .dtype = parse_dtype(o.dtype),
          .export_dtype = parse_export_dtype(o.export_dtype),
          .batch_size = o.batch_size,
          .seed = static_cast<uint64_t>(command.train.seed),
          .teacher_weight = o.teacher.empty() ? 0 : o.teacher_weight,
          .train_size = o.train_size,
          .total_steps = command.train.steps};
}

void check_size(const Vit3Options& options, int side, const std::string& where) {
  if (side % size_multiple(options) != 0) {
    throw UsageError(ErrorParts{.what = "the image size does not fit the model",
                                .where = where,
                                .expected = fmt::format("a multiple of {}", size_multiple(options)),
                                .got = std::to_string(side)});
  }
}

// Options that were given, else the initial model's or the preset's, else the small default.
Vit3Options choose_configuration(const TrainClassifyCommand& command,
                                 const Classifier* init,
                                 int classes) {
  Vit3Options options = command.model;
  if (init != nullptr) {
    options = overlay_given(*command.app, command.model, init->card.options);
  } else if (!command.classify.preset.empty()) {
    options = overlay_given(*command.app, command.model, find_vit3_preset(command.classify.preset));
  }
  options.num_classes = classes;
  check_vit3_options(options, "command line");
  check_size(options, options.image_size, "--image-size");
  if (!command.classify.train_size.empty()) {
    for (const std::string& side :
         StagedValue(command.classify.train_size, "--train-size").values()) {
      check_size(options, parse_count(side, "--train-size", 1), "--train-size");
    }
  }
  return options;
}

std::shared_ptr<ImageClassifier> make_module(const Vit3Options& options,
                                             const Classifier* init,
                                             int64_t seed,
                                             bool quiet) {
  require_memory(kTrainingCopies * 4 * count_parameters(options),
                 "training the model",
                 "Train a smaller model: --dims, --depths.");
  torch::manual_seed(static_cast<uint64_t>(seed));
  auto module = make_classifier(options);
  module->initialise();
  if (init == nullptr) {
    return module;
  }
  const auto left = load_fitting_weights(*module, collect_weights(*init->module, torch::kFloat32));
  if (!left.empty() && !quiet) {
    fmt::print(stderr,
               "{} of the tensors do not fit {} and start from new values\n",
               left.size(),
               init->name);
  }
  return module;
}

ImageSet load_set(const TrainClassifyCommand& command,
                  const std::string& folder,
                  const std::filesystem::path& truth_file,
                  const ClassLabels& labels,
                  int side,
                  bool quiet) {
  std::unique_ptr<Progress> progress;
  ImageSetOptions options{.side = side,
                          .workers = command.classify.workers,
                          .cache = command.classify.cache,
                          .truth_file = truth_file};
  options.on_image = [&](int64_t, int64_t total) {
    if (!progress) {
      progress = std::make_unique<Progress>("decode", total, quiet);
    }
    progress->advance();
  };
  ImageSet set = load_image_set(folder, labels, options);
  if (progress) {
    progress->finish();
  }
  if (!quiet) {
    fmt::print(stderr, "{}: {} images of {} classes\n", folder, set.size(), labels.size());
    for (const std::string& note : set.notes) {
      fmt::print(stderr, "note: {}\n", note);
    }
    if (set.unlabelled > 0) {
      fmt::print(stderr, "note: {} images of no known class left out\n", set.unlabelled);
    }
    for (const std::string& line : set.skipped) {
      fmt::print(stderr, "  left out: {}\n", line);
    }
  }
  return set;
}

Tensor load_teacher(const std::string& path, const ImageSet& training, const ClassLabels& labels) {
  if (path.empty()) {
    return {};
  }
  const Checkpoint checkpoint = load_checkpoint(path);
  const auto it = checkpoint.tensors.find("probabilities");
  if (it == checkpoint.tensors.end() || it->second.dim() != 2 ||
      it->second.size(0) != training.size() || it->second.size(1) != labels.size()) {
    throw Error(ErrorParts{
        .what = "the teacher's predictions do not fit the training images",
        .where = path,
        .expected =
            fmt::format("a tensor 'probabilities' [{}, {}]", training.size(), labels.size())});
  }
  return it->second;
}

nlohmann::json recipe_of(const TrainClassifyCommand& command) {
  nlohmann::json recipe = options_to_json(command.model);
  recipe.update(options_to_json(command.augment));
  recipe.update(options_to_json(command.classify));
  for (const char* beside : {"json", "device", "workers", "cache"}) {
    recipe.erase(beside);
  }
  return recipe;
}

int run_train_classify(TrainClassifyCommand& command) {
  configure_threads(command.common);
  const RankInfo info = rank_from_environment();
  const ClassifyTaskOptions options = task_options(command, info);
  const TrainingClasses classes = training_classes(command.classify.data, command.classify.truth);
  const ClassLabels& labels = classes.labels;
  std::optional<Classifier> init;
  if (!command.classify.init.empty()) {
    init = load_classifier(command.classify.init);
  }
  command.model = choose_configuration(command, init ? &*init : nullptr, labels.size());
  check_run_folder(command.run);
  ProcessGroup ranks(info, command.run.rank_timeout);
  const bool quiet = command.common.quiet || !ranks.is_first();
  const int side = command.model.image_size;
  if (!classes.without_images.empty() && !quiet) {
    fmt::print(
        stderr,
        "note: {} of the sub-folders hold no images and are no classes, the first being {}\n",
        classes.without_images.size(),
        classes.without_images.front());
  }
  const TrainClassifyOptions& o = command.classify;
  const ImageSet training = load_set(command, o.data, classes.truth_file, labels, side, quiet);
  const ImageSet validation =
      load_set(command, o.validation, o.validation_truth, labels, side, quiet);
  const auto module =
      make_module(command.model, init ? &*init : nullptr, command.train.seed, quiet);
  module->to(options.device);
  const std::string folder =
      std::filesystem::path(command.classify.data).lexically_normal().string();
  ClassifyTask task(module,
                    training,
                    validation,
                    labels,
                    command.augment,
                    options,
                    load_teacher(command.classify.teacher, training, labels),
                    {{"data", folder},
                     {"training_images", training.size()},
                     {"validation_images", validation.size()},
                     {"command", command_line()},
                     {"commit", build_commit()}});
  Trainer trainer(task, command.train, recipe_of(command), command.run.output, ranks);
  const TrainEnd end = run_training(
      trainer,
      command.run,
      command.train,
      fmt::format("{}, variant {}", describe_architecture(command.model), command.model.variant),
      ranks,
      command.common.quiet);
  if (!ranks.is_first() || end == TrainEnd::kStopped) {
    return exit_code(end);
  }
  nlohmann::json results = trainer.results();
  if (command.classify.json != "-") {
    fmt::print("validation images: top-1 {:.2f} %, top-5 {:.2f} %\n",
               results.at("score").get<double>(),
               100 * results.value("validation_top5", NAN));
  }
  if (!command.classify.json.empty()) {
    results["provenance"] = provenance_json();
    write_json(command.classify.json, results);
  }
  return kExitDone;
}

}  // namespace

Command add_train_classify_command(CLI::App& train) {
  auto command = std::make_shared<TrainClassifyCommand>();
  CLI::App* app = add_subcommand(
      train,
      "classify",
      "Train an image classifier",
      "Example:\n  parallax train classify --data tiny/train --validation tiny/val --variant 3 "
      "--steps 20000 -o output/v3");
  command->app = app;
  add_options(*app, command->run);
  add_options(*app, command->classify);
  add_options(*app, command->model, "Model (with --init: that model's, unless given)");
  add_options(*app, command->augment, "Augmentation");
  add_options(*app, command->train, "Steps and optimiser");
  add_options(*app, command->common);
  require_option(*app, "--data");
  require_option(*app, "--validation");
  return {app, [command] { return run_train_classify(*command); }};
}

}  // namespace parallax
