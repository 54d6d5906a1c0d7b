// `parallax render`: novel views of scenes, in one form or both, with metrics.
#include <fmt/format.h>

#include <cstdio>
#include <map>

#include "apps/common/nvs_options.h"
#include "apps/render_report.h"
#include "apps/render_sheet.h"
#include "apps/render_video.h"
#include "apps/report/earlier_results.h"
#include "apps/report/form_speed.h"
#include "apps/report/pictures.h"
#include "apps/report/results.h"
#include "core/base/device.h"
#include "core/base/json_text.h"
#include "core/base/operator_threads.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/files/append_file.h"
#include "core/image/image.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/viewer/camera/camera_track.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

struct RenderOptions {
  std::vector<std::string> scenes;
  std::string model;
  std::string variant;
  std::string checkpoint_key;
  std::string output;
  std::string json;
  int turntable = 60;
  std::string path;
  NvsRunOptions run;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("model",
            self.model,
            "a bundled model's name or a checkpoint (.safetensors, .pt, .pth, .ckpt, .bin)");
    visitor("variant", self.variant, "row of the variant table: " + variant_names());
    visitor("checkpoint_key", self.checkpoint_key, kCheckpointKeyHelp);
    visitor(
        "output",
        self.output,
        "folder for the images (default: output/<scene>); of several scenes, for their folders");
    visitor("json", self.json, "also write the summary here; - is stdout");
    visitor("turntable",
            self.turntable,
            "frames of the turntable video; 0: none",
            OptionRange{0, 10000});
    visitor("path", self.path, "also render this camera path, as the viewer exports it");
  }
};

// All that a run writes into a scene's folder.
const std::vector<std::string>& files_of_run() {
  static const std::vector<std::string> files = [] {
    std::vector<std::string> names = {
        "views", "metrics.jsonl", "contact_sheet.png", "summary.json"};
    for (const Form form : {Form::kRecurrent, Form::kParallel}) {
      for (const std::string& stem : {video_stem("turntable", form), video_stem("path", form)}) {
        names.insert(names.end(), {stem, stem + ".mp4", stem + ".gif"});
      }
    }
    return names;
  }();
  return files;
}

NvsModel load_chosen_model(const RenderOptions& options) {
  if (!options.model.empty()) {
    return load_nvs_model(options.model, options.variant, options.checkpoint_key);
  }
  return load_nvs_model(options.variant.empty() ? kDefaultNvsModel
                                                : bundled_model_for_variant(options.variant));
}

EvaluateOptions evaluate_options(const RenderOptions& options, const NvsModel& model) {
  return {.device = parse_device(options.run.device),
          .streamed = reads_streamed(options.run.reading, model),
          .views_per_pass = options.run.views_per_pass};
}

// The first pass of a process sets up threads and kernels; timing it would penalise the first form.
void warm_up(const NvsModel& model, const PreparedScene& scene, torch::Device device) {
  const torch::InferenceMode inference;
  const CameraBatch one = scene.inputs.batch.slice(0, 1).to(device);
  model.module->reconstruct(scene.inputs.images.slice(1, 0, 1).to(device), one, Form::kParallel);
}

std::string view_file(const ViewSet& views, size_t i, const std::string& what) {
  return fmt::format("views/{:04d}_{}.png", views.indices[i], what);
}

void write_views(const fs::path& folder, const PreparedScene& scene, const FormEvaluation& form) {
  for (size_t i = 0; i < scene.targets.indices.size(); ++i) {
    write_image(folder / view_file(scene.targets, i, std::string(form_name(form.form))),
                to_picture(form.images[static_cast<int64_t>(i)]));
  }
}

void write_truth(const fs::path& folder, const PreparedScene& scene) {
  for (size_t i = 0; i < scene.targets.indices.size(); ++i) {
    write_image(folder / view_file(scene.targets, i, "truth"),
                to_picture(scene.targets.images[0][static_cast<int64_t>(i)]));
  }
}

void append_metrics(AppendFile& file, const PreparedScene& scene, const FormEvaluation& form) {
  for (size_t i = 0; i < form.views.size(); ++i) {
    nlohmann::json line = metrics_json(form.views[i]);
    line["view"] = scene.targets.indices[i];
    line["name"] = scene.targets.names[i];
    line["form"] = form_name(form.form);
    line["picture"] = view_file(scene.targets, i, std::string(form_name(form.form)));
    file.append(dump_json(line) + "\n");
  }
}

void say(const RenderOptions& options, const std::string& text) {
  if (!options.common.quiet) {
    fmt::print(stderr, "{}\n", text);
  }
}

// Empties the folder of an earlier run's results.
void prepare_folder(const fs::path& folder, const RenderOptions& options) {
  const fs::path earlier = set_aside(folder, files_of_run());
  if (!options.common.quiet) {
    note_set_aside(earlier);
  }
  create_folder(folder / "views");
}

// Renders the held-out views in every form, and writes and measures them as they come.
std::vector<FormEvaluation> render_views(const fs::path& folder,
                                         const NvsModel& model,
                                         const PreparedScene& prepared,
                                         const RenderOptions& options,
                                         EvaluateOptions evaluate) {
  AppendFile metrics(folder / "metrics.jsonl", "");
  const auto targets = static_cast<int64_t>(prepared.targets.indices.size());
  if (targets == 0) {
    say(options, "note: every view is read, none is held out: there is nothing to measure");
  }
  adapt_operator_threads();  // before both forms, which are compared
  warm_up(model, prepared, evaluate.device);
  write_truth(folder, prepared);
  std::vector<FormEvaluation> evaluations;
  for (const Form form :
       forms_when_read(options.run.reading, parse_forms(options.run.form), model)) {
    Progress progress(fmt::format("held-out views, {}", form_name(form)),
                      targets,
                      options.common.quiet || targets == 0);
    evaluate.on_views_rendered = [&](int64_t count) { progress.advance(count); };
    evaluations.push_back(evaluate_form(model, prepared, form, evaluate));
    progress.finish();
    write_views(folder, prepared, evaluations.back());
    append_metrics(metrics, prepared, evaluations.back());
  }
  return evaluations;
}

// The turntable and the user's camera path, in every form; their files' names go into `summary`.
void render_videos(const fs::path& folder,
                   const NvsModel& model,
                   const PreparedScene& prepared,
                   const std::vector<FormEvaluation>& evaluations,
                   const RenderOptions& options,
                   nlohmann::json& summary) {
  std::vector<VideoPlan> plans;
  if (options.turntable > 0) {
    plans.push_back({.name = "turntable", .cameras = new_camera_path(prepared, options.turntable)});
  }
  if (!options.path.empty()) {
    plans.push_back(plan_of_path(options.path, prepared));
  }
  const EvaluateOptions evaluate = evaluate_options(options, model);
  for (const FormEvaluation& form : evaluations) {
    nlohmann::json& entry = summary["forms"][std::string(form_name(form.form))];
    for (const VideoPlan& plan : plans) {
      const fs::path video =
          render_video(folder, model, form, plan, evaluate, options.common.quiet);
      entry[plan.name] = video.filename().string();
    }
  }
}

// Renders one scene into `folder` and returns its summary.
nlohmann::json render_one_scene(const PreparedScene& prepared,
                                const fs::path& folder,
                                const NvsModel& model,
                                const RenderOptions& options) {
  for (const std::string& note : prepared.notes) {
    say(options, "note: " + note);
  }
  create_folder(folder);
  const FolderLock lock(folder);
  prepare_folder(folder, options);
  const EvaluateOptions evaluate = evaluate_options(options, model);
  std::vector<FormEvaluation> evaluations =
      render_views(folder, model, prepared, options, evaluate);
  write_image(folder / "contact_sheet.png", contact_sheet(prepared, model, evaluations));
  const std::vector<FormSpeed> speeds = time_forms(model, prepared, evaluations, evaluate);
  adopt_medians(speeds, evaluations);
  nlohmann::json summary =
      render_summary(prepared, model, evaluations, speeds, evaluate.streamed, options.run);
  write_json((folder / "summary.json").string(), summary);
  render_videos(folder, model, prepared, evaluations, options, summary);
  write_json((folder / "summary.json").string(), summary);
  if (options.json != "-") {
    print_render_table(prepared, model, evaluate.streamed, evaluations, speeds);
  }
  say(options, fmt::format("written to {}", folder.string()));
  return summary;
}

// Where the scene's results go. Of several scenes of one name all but the first get a number.
fs::path folder_of(const Scene& scene,
                   const RenderOptions& options,
                   std::map<std::string, int>& scenes_of_name) {
  if (options.scenes.size() == 1) {
    return options.output.empty() ? fs::path("output") / scene.name : fs::path(options.output);
  }
  const int number = ++scenes_of_name[scene.name];
  return fs::path(options.output.empty() ? "output" : options.output) /
         (number == 1 ? scene.name : fmt::format("{}_{}", scene.name, number));
}

int run_render(const RenderOptions& options) {
  set_operator_threads(options.common.threads);
  parse_forms(options.run.form);
  check_reading(options.run.reading);
  const PrepareOptions prepare = prepare_options(options.run);
  if (!options.path.empty()) {
    view::read_track(options.path);  // a broken one is told before the work
  }
  NvsModel model = load_chosen_model(options);
  if (!model.source.empty()) {
    say(options, "note: weights " + model.source);
  }
  const std::vector<Form> asked = parse_forms(options.run.form);
  if (forms_when_read(options.run.reading, asked, model).empty()) {
    throw UsageError(missing_form(model));
  }
  for (const std::string& note : reading_notes(options.run.reading, asked, model)) {
    say(options, "note: " + note);
  }
  configure_model(options.run, model);
  std::map<std::string, int> scenes_of_name;
  nlohmann::json summaries = nlohmann::json::array();
  size_t failed = 0;
  for (const std::string& path : options.scenes) {
    try {
      const Scene scene = load_scene(path, {.image_folder = options.run.image_folder});
      summaries.push_back(render_one_scene(prepare_scene(scene, model, prepare),
                                           folder_of(scene, options, scenes_of_name),
                                           model,
                                           options));
    } catch (const Error& error) {
      if (options.scenes.size() == 1) {
        throw;
      }
      ++failed;
      fmt::print(stderr, "parallax: {}\n", error.what());
    }
  }
  if (failed == options.scenes.size()) {
    return kExitFailed;
  }
  if (!options.json.empty()) {
    write_json(options.json, options.scenes.size() == 1 ? summaries.front() : summaries);
  }
  return failed == 0 ? kExitDone : kExitSomeFailed;
}

}  // namespace

Command add_render_command(CLI::App& program) {
  auto options = std::make_shared<RenderOptions>();
  CLI::App* app = add_subcommand(
      program,
      "render",
      "Render novel views of scenes, with metrics",
      "Examples:\n  parallax render assets/scenes/procedural_a --input-views 8 --form both\n"
      "  parallax render toy --model output/adapted --path output/view/path.json");
  add_positional(*app,
                 "SCENE",
                 options->scenes,
                 "folders or camera files of any format of docs/user/scenes.md",
                 Presence::kRequired);
  add_options(*app, *options);
  add_options(*app, options->run);
  add_options(*app, options->common);
  return {app, [options] { return run_render(*options); }};
}

}  // namespace parallax
