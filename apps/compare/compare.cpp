// `parallax compare`: variants and forms over scenes, in a table, CSV, JSON and a page.
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

#include "apps/common/nvs_options.h"
#include "apps/compare/compare_page.h"
#include "apps/compare/protocol.h"
#include "apps/report/earlier_results.h"
#include "apps/report/form_speed.h"
#include "apps/report/html.h"
#include "apps/report/pictures.h"
#include "apps/report/results.h"
#include "apps/report/run_settings.h"
#include "apps/report/system_info.h"
#include "core/base/device.h"
#include "core/base/json_text.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/files/append_file.h"
#include "core/io/atomic_file.h"
#include "vision/models/model_files.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRowsName = "results.jsonl";
constexpr const char* kSettingsName = "run.json";
constexpr size_t kPicturedViews = 4;
constexpr double kLooksTheSame = 60;  // dB between two forms' pictures

struct CompareOptions {
  std::vector<std::string> scenes;
  std::vector<std::string> models;
  std::vector<std::string> variants;
  std::string output = "output/compare";
  std::string json;
  int repeats = 3;
  std::string views_from;
  std::vector<std::string> lpips;
  bool resume = false;
  std::string baseline;
  bool beside_paper = false;
  NvsRunOptions run;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("model",
            self.models,
            "models to compare: names, checkpoints or runs' folders (default: the bundled and the "
            "user's own)");
    visitor("variant", self.variants, "only these rows of the variant table: " + variant_names());
    visitor(
        "output", self.output, "folder for compare.html, compare.csv, views.csv and compare.json");
    visitor("json", self.json, "also write the results here; - is stdout");
    visitor("repeats",
            self.repeats,
            "timed rounds, the forms in turns; medians are reported",
            OptionRange{1, 1000});
    visitor("views_from",
            self.views_from,
            "a benchmark's index of views, {scene: {context: [..], target: [..]}}: evaluate these "
            "scenes of the folders, once each");
    visitor("lpips",
            self.lpips,
            "also measure LPIPS, with its VGG-16 weights from this file (or several)");
    visitor("resume", self.resume, "go on where an earlier run into the same folder ended");
    visitor("baseline",
            self.baseline,
            "the model that differences are taken to (default: the first of variant 0)");
    visitor("beside_paper",
            self.beside_paper,
            "show differences beside those that the paper reports for its own models");
  }
};

std::vector<std::string> chosen_models(const CompareOptions& options,
                                       std::vector<std::string>& notes) {
  std::vector<std::string> names = with_distinct_names(options.models);
  if (names.empty()) {
    for (const ModelListing& listing : list_nvs_models()) {
      const std::string& variant = listing.card.options.variant;
      if (options.variants.empty() ||
          std::find(options.variants.begin(), options.variants.end(), variant) !=
              options.variants.end()) {
        names.push_back(listing.name);
      }
    }
  }
  std::string without;
  for (const Variant& variant : kVariants) {
    const std::string name(variant.name);
    const bool wanted = options.variants.empty()
                            ? variant.number >= 0
                            : std::find(options.variants.begin(), options.variants.end(), name) !=
                                  options.variants.end();
    const auto listings = list_nvs_models();
    const bool has_weights =
        std::any_of(listings.begin(), listings.end(), [&](const ModelListing& listing) {
          return listing.card.options.variant == name;
        });
    if (wanted && !has_weights && options.models.empty()) {
      without += (without.empty() ? "" : ", ") + name;
    }
  }
  if (!without.empty()) {
    notes.push_back("Not shown, as there are no weights trained as these variants: " + without +
                    ". No variant is shown with another's weights.");
  }
  if (names.empty()) {
    throw Error(ErrorParts{.what = "there is no model to compare",
                           .remedy = "Name checkpoints with --model."});
  }
  return names;
}

// Everything but scene and model that decides a row.
nlohmann::json row_settings(const CompareOptions& options) {
  std::error_code ignored;
  nlohmann::json settings = options_to_json(options.run);
  settings.erase("device");
  settings.erase("views_per_pass");
  settings["lpips"] = nlohmann::json::array();
  for (const std::string& file : options.lpips) {
    settings["lpips"].push_back(fs::absolute(file, ignored).lexically_normal().string());
  }
  return settings;
}

// The rows of a run, on disk as they come. Nothing is written before the first.
class RowsFolder {
 public:
  // With `resume`, the rows that an earlier run left. Throws UsageError if it had other settings.
  RowsFolder(fs::path folder, const nlohmann::json& settings, bool resume)
      : folder_(std::move(folder)), settings_(settings), resume_(resume) {
    std::error_code ignored;
    if (resume_ && fs::exists(folder_ / kRowsName, ignored)) {
      check_settings(folder_ / kSettingsName, settings_);
      open();
      read_whole_lines(folder_ / kRowsName, [&](const std::string& line) {
        if (auto row = parse_comparison_row(line)) {
          rows_.push_back(*std::move(row));
        }
      });
    }
  }

  size_t size() const { return rows_.size(); }

  // Null if there is none of this model as it is now.
  const ComparisonRow* find(const std::string& scene_path,
                            const std::string& word,
                            int64_t model_time) const {
    const auto found = std::find_if(rows_.rbegin(), rows_.rend(), [&](const ComparisonRow& row) {
      return row.scene_path == scene_path && row.word == word && row.model_time == model_time;
    });
    return found == rows_.rend() ? nullptr : &*found;
  }

  // Returns where earlier results were moved to; empty if there were none.
  fs::path add(ComparisonRow row) {
    fs::path earlier;
    if (!lock_) {
      earlier = open();
    }
    file_->append(comparison_row_line(row));
    rows_.push_back(std::move(row));
    return earlier;
  }

 private:
  fs::path open() {
    create_folder(folder_);
    lock_.emplace(folder_);
    fs::path earlier;
    if (!resume_) {
      earlier = set_aside(
          folder_,
          {kRowsName, kSettingsName, "compare.csv", "compare.html", "compare.json", "views.csv"});
    }
    write_file_atomically(folder_ / kSettingsName, dump_json(settings_, 1) + "\n");
    file_.emplace(folder_ / kRowsName);
    return earlier;
  }

  fs::path folder_;
  nlohmann::json settings_;
  bool resume_;
  std::optional<FolderLock> lock_;
  std::optional<AppendFile> file_;
  std::vector<ComparisonRow> rows_;
};

// The model's file, and when it was changed: a model that is still being trained is another one.
struct ChosenModel {
  std::string word;
  fs::path file;
  int64_t time = 0;  // seconds, of the file system's clock
};

// Finds every model's file, so that a misspelt name is told before the work.
std::vector<ChosenModel> find_models(const std::vector<std::string>& words,
                                     const std::string& baseline) {
  std::vector<ChosenModel> models;
  std::vector<std::string> names;
  for (const std::string& word : words) {
    const ModelWord parsed = parse_model_word(word);
    ChosenModel model{.word = word, .file = find_nvs_model(parsed)};
    names.push_back(model_name(parsed, model.file));
    std::error_code ignored;
    const auto changed = fs::last_write_time(model.file, ignored).time_since_epoch();
    model.time = std::chrono::duration_cast<std::chrono::seconds>(changed).count();
    models.push_back(std::move(model));
  }
  if (!baseline.empty() && std::find(names.begin(), names.end(), baseline) == names.end()) {
    throw UsageError(ErrorParts{.what = "this model is not compared, so it cannot be the baseline",
                                .where = "--baseline",
                                .expected = fmt::format("one of {}", fmt::join(names, ", ")),
                                .got = "'" + baseline + "'"});
  }
  return models;
}

// A few views, evenly over the held-out ones.
std::vector<ComparedPicture> make_pictures(const PreparedScene& scene,
                                           const std::vector<FormEvaluation>& forms,
                                           const std::optional<FormDifference>& difference) {
  const size_t targets = scene.targets.indices.size();
  const size_t count = std::min(kPicturedViews, targets);
  const bool alike = !difference || difference->psnr > kLooksTheSame;
  std::vector<ComparedPicture> pictures;
  for (size_t s = 0; s < count; ++s) {
    const size_t i = s * targets / count;
    const auto at = static_cast<int64_t>(i);
    ComparedPicture picture{.view = scene.targets.indices[i],
                            .truth = html::png_base64(to_picture(scene.targets.images[0][at]))};
    for (const FormEvaluation& form : forms) {
      if (picture.images.empty() || !alike) {
        picture.images.emplace_back(form_name(form.form),
                                    html::png_base64(to_picture(form.images[at])));
      }
    }
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

ComparisonRow compare_forms(const NvsModel& model,
                            const PreparedScene& scene,
                            const CompareOptions& options,
                            const EvaluateOptions& evaluate) {
  ComparisonRow row{.scene = scene_json(scene),
                    .model = model.name,
                    .variant = model.card.options.variant,
                    .training_steps = model.card.total_steps};
  std::vector<FormEvaluation> evaluations;
  for (const Form form : parse_forms(options.run.form)) {
    evaluations.push_back(evaluate_form(model, scene, form, evaluate));
  }
  const std::vector<FormSpeed> speeds =
      time_forms(model, scene, evaluations, evaluate.device, options.repeats);
  for (size_t f = 0; f < evaluations.size(); ++f) {
    const FormEvaluation& evaluation = evaluations[f];
    row.forms.push_back({.form = std::string(form_name(evaluation.form)),
                         .mean = evaluation.mean,
                         .pooled_psnr = evaluation.pooled_psnr,
                         .views = evaluation.views,
                         .reconstruct_seconds = speeds[f].reconstruct_seconds,
                         .view_seconds = speeds[f].view_seconds,
                         .input_tokens = evaluation.input_tokens});
  }
  if (evaluations.size() == 2) {
    row.difference = compare_images(evaluations[0].images, evaluations[1].images);
  }
  row.pictures = make_pictures(scene, evaluations, row.difference);
  return row;
}

// One run of the command.
class CompareRun {
 public:
  CompareRun(const CompareOptions& options,
             const std::vector<std::string>& words,
             const EvaluateOptions& evaluate)
      : options_(options),
        evaluate_(evaluate),
        models_(find_models(words, options.baseline)),
        rows_(options.output, row_settings(options), options.resume),
        progress_("compare",
                  static_cast<int64_t>(options.scenes.size() * words.size()),
                  options.common.quiet) {
    if (options.resume && !options.common.quiet) {
      fmt::print(stderr, "{} evaluations are there already\n", rows_.size());
    }
  }

  // What was asked for, from earlier runs or this one; failures go to `notes`.
  std::vector<ComparisonRow> rows(std::vector<std::string>& notes) {
    std::vector<ComparisonRow> wanted;
    for (const std::string& path : options_.scenes) {
      compare_scene(path, wanted);
    }
    progress_.finish();
    for (const std::string& failure : failures_) {
      notes.push_back("Left out: " + failure);
    }
    return wanted;
  }

  bool failed() const { return !failures_.empty(); }

 private:
  void compare_scene(const std::string& path, std::vector<ComparisonRow>& wanted) {
    std::error_code ignored;
    const std::string absolute = fs::absolute(path, ignored).lexically_normal().string();
    std::optional<Scene> scene;
    for (const ChosenModel& model : models_) {
      try {
        if (const ComparisonRow* row = rows_.find(absolute, model.word, model.time)) {
          wanted.push_back(*row);
        } else {
          if (!scene) {
            scene = load_scene(path, {.image_folder = options_.run.image_folder});
          }
          wanted.push_back(compare_model(*scene, path, absolute, model));
        }
      } catch (const UsageError&) {
        throw;
      } catch (const Error& error) {
        failures_.emplace_back(error.what());
        fmt::print(stderr, "parallax: {}\n", failures_.back());
        if (!scene) {  // no model can read it
          return;
        }
      }
      progress_.advance();
    }
  }

  ComparisonRow compare_model(const Scene& scene,
                              const std::string& path,
                              const std::string& absolute,
                              const ChosenModel& chosen) {
    NvsModel model = load_nvs_model(chosen.word);
    configure_model(options_.run, model);
    const PreparedScene prepared = prepare_scene(scene, model, prepare_options(options_.run));
    if (prepared.targets.indices.empty()) {
      throw Error(ErrorParts{.what = "every view is an input: none is left to compare with",
                             .where = path,
                             .remedy = "Use fewer --input-views, or name --target-views."});
    }
    ComparisonRow row = compare_forms(model, prepared, options_, evaluate_);
    row.scene_path = absolute;
    row.word = chosen.word;
    row.model_time = chosen.time;
    if (const fs::path earlier = rows_.add(row); !earlier.empty() && !options_.common.quiet) {
      fmt::print(
          stderr, "note: the results of an earlier run were moved to {}\n", earlier.string());
    }
    return row;
  }

  const CompareOptions& options_;
  const EvaluateOptions& evaluate_;
  std::vector<ChosenModel> models_;
  RowsFolder rows_;
  Progress progress_;
  std::vector<std::string> failures_;
};

void write_report(const CompareOptions& options, const CompareReport& report) {
  const fs::path folder = options.output;
  const nlohmann::json json = comparison_json(report, false);
  write_file_atomically(folder / "compare.csv", format_csv(comparison_csv(report)));
  write_file_atomically(folder / "views.csv", format_csv(views_csv(report)));
  write_json((folder / "compare.json").string(), json);
  write_file_atomically(folder / "compare.html", comparison_page(report));
  if (options.json != "-") {
    fmt::print("{}", format_table(comparison_table(report)));
    if (const auto differences = difference_table(report); differences.size() > 1) {
      fmt::print("\n{}", format_table(differences));
    }
    for (const std::string& note : report.notes) {
      fmt::print("{}\n", note);
    }
    if (report.beside_paper) {
      fmt::print("{}\n", kPaperCaveat);
    }
    fmt::print("±: standard error over views; of times, half of the middle half of {} rounds\n{}\n",
               options.repeats,
               kPsnrDefinition);
  }
  if (!options.json.empty()) {
    write_json(options.json, json);
  }
  if (!options.common.quiet) {
    fmt::print(stderr, "written to {}\n", folder.string());
  }
}

int run_compare(const CompareOptions& options) {
  configure_threads(options.common);
  parse_forms(options.run.form);
  prepare_options(options.run);
  for (const std::string& variant : options.variants) {
    find_variant(variant);
  }
  CompareReport report{.baseline = options.baseline,
                       .beside_paper = options.beside_paper,
                       .provenance = provenance_json()};
  const std::vector<std::string> words = chosen_models(options, report.notes);
  std::optional<Lpips> lpips;
  if (!options.lpips.empty()) {
    lpips = load_lpips(options.lpips);
    lpips->to(parse_device(options.run.device));
  }
  const EvaluateOptions evaluate{.device = parse_device(options.run.device),
                                 .views_per_pass = options.run.views_per_pass,
                                 .lpips = lpips ? &*lpips : nullptr};
  if (!options.views_from.empty()) {
    return run_protocol({.scenes = options.scenes,
                         .models = words,
                         .views_from = options.views_from,
                         .output = options.output,
                         .json = options.json,
                         .resume = options.resume,
                         .lpips = options.lpips,
                         .run = options.run,
                         .common = options.common},
                        evaluate,
                        report.notes);
  }
  CompareRun run(options, words, evaluate);
  report.rows = run.rows(report.notes);
  if (report.rows.empty()) {
    return kExitFailed;
  }
  report.baseline = choose_baseline(report);
  write_report(options, report);
  return run.failed() ? kExitSomeFailed : kExitDone;
}

}  // namespace

Command add_compare_command(CLI::App& program) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* app = add_subcommand(
      program,
      "compare",
      "Compare variants and forms on scenes: PSNR, SSIM, speed",
      "Examples:\n  parallax compare assets/scenes/procedural_a assets/scenes/procedural_b\n"
      "  parallax compare re10k/test --views-from evaluation_index_re10k.json --size 128x128 "
      "--model obj_res256.pt --lpips lpips_vgg.pth");
  add_positional(*app,
                 "SCENE",
                 options->scenes,
                 "scenes, or folders of scenes with --views-from",
                 Presence::kRequired);
  add_options(*app, *options);
  add_options(*app, options->run);
  add_options(*app, options->common);
  return {app, [options] { return run_compare(*options); }};
}

}  // namespace parallax
