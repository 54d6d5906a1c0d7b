// `parallax render`: novel views of a scene, in one form or both, with metrics.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>

#include "apps/common/nvs_options.h"
#include "apps/report/form_speed.h"
#include "apps/report/pictures.h"
#include "apps/report/results.h"
#include "apps/report/video.h"
#include "core/base/device.h"
#include "core/base/json_text.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/image/image.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr int kSheetSide = 128;  // pixels of an image on the contact sheet
constexpr int kVideoSide = 256;
constexpr size_t kSheetViews = 8;  // held-out views on the contact sheet
constexpr double kFramesPerSecond = 20;

struct RenderOptions {
  std::string scene;
  std::string model;
  std::string variant;
  std::string checkpoint_key;
  std::string output;
  std::string json;
  int turntable = 60;
  NvsRunOptions run;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("model",
            self.model,
            "a bundled model's name or a checkpoint (.safetensors, .pt, .pth, .ckpt, .bin)");
    visitor("variant", self.variant, "row of the variant table: " + variant_names());
    visitor("checkpoint_key", self.checkpoint_key, kCheckpointKeyHelp);
    visitor("output", self.output, "folder for the images (default: output/<scene>)");
    visitor("json", self.json, "also write the summary here; - is stdout");
    visitor("turntable",
            self.turntable,
            "frames of the turntable video; 0: none",
            OptionRange{0, 10000});
  }
};

struct Rendered {
  std::vector<FormEvaluation> forms;
  std::vector<double> gains;
};

NvsModel load_chosen_model(const RenderOptions& options) {
  if (!options.model.empty()) {
    return load_nvs_model(options.model, options.variant, options.checkpoint_key);
  }
  return load_nvs_model(options.variant.empty() ? kDefaultNvsModel
                                                : bundled_model_for_variant(options.variant));
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

void append_metrics(std::ofstream& file, const PreparedScene& scene, const FormEvaluation& form) {
  for (size_t i = 0; i < form.views.size(); ++i) {
    nlohmann::json line = metrics_json(form.views[i]);
    line["view"] = scene.targets.indices[i];
    line["name"] = scene.targets.names[i];
    line["form"] = form_name(form.form);
    line["picture"] = view_file(scene.targets, i, std::string(form_name(form.form)));
    file << dump_json(line) << "\n";
  }
  file.flush();
}

// The gain that makes the largest of the shown differences visible, a power of ten.
double choose_gain(double largest) {
  double gain = 1;
  while (largest > 0 && largest * gain < 0.5 && gain < 1e9) {
    gain *= 10;
  }
  return gain;
}

std::vector<std::vector<SheetCell>> input_rows(const PreparedScene& scene) {
  std::vector<std::vector<SheetCell>> rows(1);
  for (size_t i = 0; i < scene.inputs.indices.size(); ++i) {
    if (rows.back().size() == 8) {
      rows.emplace_back();
    }
    rows.back().push_back({to_picture(scene.inputs.images[0][static_cast<int64_t>(i)]),
                           fmt::format("input {}", scene.inputs.indices[i])});
  }
  return rows;
}

cv::Mat contact_sheet(const PreparedScene& scene,
                      const NvsModel& model,
                      const std::vector<FormEvaluation>& forms) {
  auto rows = input_rows(scene);
  const size_t targets = scene.targets.indices.size();
  const size_t shown = std::min(targets, kSheetViews);
  const double gain =
      forms.size() == 2 && targets > 0
          ? choose_gain(compare_images(forms[0].images, forms[1].images).max_absolute)
          : 1;
  for (size_t s = 0; s < shown; ++s) {
    const size_t view = s * targets / shown;
    const auto i = static_cast<int64_t>(view);
    const Tensor truth = scene.targets.images[0][i];
    std::vector<SheetCell> row = {
        {to_picture(truth), fmt::format("truth {}", scene.targets.indices[view])}};
    for (const FormEvaluation& form : forms) {
      row.push_back(
          {to_picture(form.images[i]),
           fmt::format("{} {} dB", form_name(form.form), format_metric(form.views[view].psnr, 2))});
    }
    row.push_back({difference_picture(forms.front().images[i], truth, 2), "|render - truth| x2"});
    if (forms.size() == 2) {
      row.push_back({difference_picture(forms[0].images[i], forms[1].images[i], gain),
                     fmt::format("|rec - par| x{:.0e}", gain)});
    }
    rows.push_back(std::move(row));
  }
  const std::string title = fmt::format("{}, {} (variant {}), {} input views, {}x{}",
                                        scene.name,
                                        model.name,
                                        model.card.options.variant,
                                        scene.inputs.indices.size(),
                                        scene.height,
                                        scene.width);
  return make_sheet(title, rows, kSheetSide);
}

fs::path render_turntable(const fs::path& folder,
                          const NvsModel& model,
                          const PreparedScene& scene,
                          const FormEvaluation& form,
                          const RenderOptions& options,
                          EvaluateOptions evaluate) {
  Progress progress(
      fmt::format("turntable, {}", form_name(form.form)), options.turntable, options.common.quiet);
  evaluate.on_views_rendered = [&](int64_t count) { progress.advance(count); };
  const Tensor images =
      render_cameras(model, form.state, new_camera_path(scene, options.turntable), evaluate);
  std::vector<cv::Mat> frames;
  for (int64_t i = 0; i < images.size(0); ++i) {
    frames.push_back(enlarge(to_picture(images[i]), kVideoSide));
  }
  progress.finish();
  return write_video(
      folder / fmt::format("turntable_{}", form_name(form.form)), frames, kFramesPerSecond);
}

// What each form took, with its scatter where it was timed in rounds.
struct SpeedCells {
  std::string reconstruct;
  std::string view;
};

SpeedCells speed_cells(const FormEvaluation& form, const FormSpeed* speed) {
  constexpr double kMillisecond = 1e-3;
  SpeedCells cells{fmt::format("{:.1f}", form.reconstruct_seconds * 1e3),
                   format_metric(form.seconds_per_view() * 1e3, 2)};
  if (speed != nullptr) {
    cells.reconstruct = format_spread(spread_of(speed->reconstruct_seconds), kMillisecond);
    if (!speed->view_seconds.empty()) {
      cells.view = format_spread(spread_of(speed->view_seconds), kMillisecond);
    }
  }
  return cells;
}

// Which form is faster, or that none is.
void print_speeds(const std::vector<FormSpeed>& speeds, size_t num_forms) {
  if (speeds.empty()) {
    fmt::print("speeds: one run each, in which the first form may be slower\n");
    return;
  }
  if (num_forms == 2) {
    const std::string first(form_name(speeds[0].form));
    const std::string second(form_name(speeds[1].form));
    fmt::print("reading: {}\n",
               compare_rounds(
                   speeds[0].reconstruct_seconds, speeds[1].reconstruct_seconds, first, second));
  }
}

void print_table(const PreparedScene& scene,
                 const NvsModel& model,
                 const std::vector<FormEvaluation>& forms,
                 const std::vector<FormSpeed>& speeds) {
  fmt::print("scene {} ({}), model {} (variant {}: {}), {}x{}, {} input views, {} held-out views\n",
             scene.name,
             scene.format,
             model.name,
             model.card.options.variant,
             find_variant(model.card.options.variant).summary,
             scene.height,
             scene.width,
             scene.inputs.indices.size(),
             scene.targets.indices.size());
  std::vector<std::vector<std::string>> rows = {{"form",
                                                 "PSNR dB",
                                                 "SSIM",
                                                 "masked dB",
                                                 "pooled dB",
                                                 "reconstruct ms",
                                                 "ms/view",
                                                 "tokens/s"}};
  for (size_t i = 0; i < forms.size(); ++i) {
    const FormEvaluation& form = forms[i];
    const SpeedCells speed = speed_cells(form, speeds.empty() ? nullptr : &speeds[i]);
    rows.push_back({std::string(form_name(form.form)),
                    format_metric(form.mean.psnr, 2),
                    format_metric(form.mean.ssim, 4),
                    format_metric(form.mean.masked_psnr, 2),
                    format_metric(form.pooled_psnr, 2),
                    speed.reconstruct,
                    speed.view,
                    fmt::format("{:.0f}", form.reconstruct_tokens_per_second())});
  }
  fmt::print("{}", format_table(rows));
  print_speeds(speeds, forms.size());
  if (forms.size() == 2 && !scene.targets.indices.empty()) {
    const FormDifference difference = compare_images(forms[0].images, forms[1].images);
    fmt::print("recurrent against parallel: PSNR {} dB, largest difference {:.2e}\n",
               format_metric(difference.psnr, 1),
               difference.max_absolute);
  }
  fmt::print("{}\n", kPsnrDefinition);
}

nlohmann::json summarise(const PreparedScene& scene,
                         const NvsModel& model,
                         const std::vector<FormEvaluation>& forms,
                         const std::vector<FormSpeed>& speeds,
                         const NvsRunOptions& run) {
  nlohmann::json json = {{"scene", scene_json(scene)},
                         {"model", model_json(model)},
                         {"options", options_to_json(run)},
                         {"psnr_definition", kPsnrDefinition}};
  for (const FormEvaluation& form : forms) {
    json["forms"][std::string(form_name(form.form))] = evaluation_json(form);
  }
  for (const FormSpeed& speed : speeds) {
    json["forms"][std::string(form_name(speed.form))]["rounds"] = form_speed_json(speed);
  }
  if (forms.size() == 2 && !scene.targets.indices.empty()) {
    json["difference"] = difference_json(compare_images(forms[0].images, forms[1].images));
  }
  return json;
}

int run_render(const RenderOptions& options) {
  configure_threads(options.common);
  const std::vector<Form> forms = parse_forms(options.run.form);
  const PrepareOptions prepare = prepare_options(options.run);
  const torch::Device device = parse_device(options.run.device);
  const bool quiet = options.common.quiet;
  const auto say = [&](const std::string& text) {
    if (!quiet) {
      fmt::print(stderr, "{}\n", text);
    }
  };

  const Scene scene = load_scene(options.scene, {.image_folder = options.run.image_folder});
  NvsModel model = load_chosen_model(options);
  if (!model.source.empty()) {
    say(fmt::format("note: weights {}", model.source));
  }
  configure_model(options.run, model);
  const PreparedScene prepared = prepare_scene(scene, model, prepare);
  for (const std::string& note : prepared.notes) {
    say("note: " + note);
  }

  const fs::path folder =
      options.output.empty() ? fs::path("output") / scene.name : fs::path(options.output);
  create_folder(folder / "views");
  const fs::path metrics_path = folder / "metrics.jsonl";
  std::ofstream metrics(metrics_path, std::ios::trunc);
  if (!metrics) {
    throw Error(
        ErrorParts{.what = "the file could not be written", .where = metrics_path.string()});
  }
  EvaluateOptions evaluate{.device = device, .views_per_pass = options.run.views_per_pass};
  warm_up(model, prepared, device);
  std::vector<FormEvaluation> evaluations;
  write_truth(folder, prepared);
  for (const Form form : forms) {
    Progress progress(fmt::format("held-out views, {}", form_name(form)),
                      static_cast<int64_t>(prepared.targets.indices.size()),
                      quiet);
    evaluate.on_views_rendered = [&](int64_t count) { progress.advance(count); };
    evaluations.push_back(evaluate_form(model, prepared, form, evaluate));
    progress.finish();
    write_views(folder, prepared, evaluations.back());
    append_metrics(metrics, prepared, evaluations.back());
  }
  write_image(folder / "contact_sheet.png", contact_sheet(prepared, model, evaluations));
  const std::vector<FormSpeed> speeds = time_forms(model, prepared, evaluations, device);
  adopt_medians(speeds, evaluations);
  nlohmann::json summary = summarise(prepared, model, evaluations, speeds, options.run);
  write_json((folder / "summary.json").string(), summary);
  if (options.turntable > 0) {
    for (const FormEvaluation& form : evaluations) {
      const fs::path video = render_turntable(folder, model, prepared, form, options, evaluate);
      summary["forms"][std::string(form_name(form.form))]["turntable"] = video.filename().string();
    }
    write_json((folder / "summary.json").string(), summary);
  }
  if (options.json != "-") {
    print_table(prepared, model, evaluations, speeds);
  }
  if (!options.json.empty()) {
    write_json(options.json, summary);
  }
  say(fmt::format("written to {}", folder.string()));
  return kExitDone;
}

}  // namespace

Command add_render_command(CLI::App& program) {
  auto options = std::make_shared<RenderOptions>();
  CLI::App* app = add_subcommand(
      program,
      "render",
      "Render novel views of a scene, with metrics",
      "Example:\n  parallax render assets/scenes/procedural_a --input-views 8 --form both");
  add_positional(*app,
                 "SCENE",
                 options->scene,
                 "a folder or camera file of any format of docs/user/scenes.md",
                 Presence::kRequired);
  add_options(*app, *options);
  add_options(*app, options->run);
  add_options(*app, options->common);
  return {app, [options] { return run_render(*options); }};
}

}  // namespace parallax
