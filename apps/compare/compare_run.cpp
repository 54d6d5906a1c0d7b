// Rows on disk, models, and the loop over both.
#include "apps/compare/compare_run.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <set>

#include "apps/report/earlier_results.h"
#include "apps/report/form_speed.h"
#include "apps/report/html.h"
#include "apps/report/pictures.h"
#include "apps/report/results.h"
#include "apps/report/run_settings.h"
#include "core/base/json_text.h"
#include "core/base/operator_threads.h"
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

// Everything but scene and model that decides a row.
nlohmann::json row_settings(const CompareOptions& options) {
  nlohmann::json settings = options_to_json(options.run);
  settings.erase("device");
  settings.erase("views_per_pass");
  settings["lpips"] = absolute_paths(options.lpips);
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
                            const std::vector<Form>& forms,
                            int repeats,
                            const EvaluateOptions& evaluate) {
  ComparisonRow row{.scene = scene_json(scene),
                    .model = model.name,
                    .variant = model.card.options.variant,
                    .reading = reading_name(evaluate.streamed),
                    .training_steps = model.card.total_steps};
  adapt_operator_threads();  // before both forms, which are compared
  std::vector<FormEvaluation> evaluations;
  for (const Form form : forms) {
    evaluations.push_back(evaluate_form(model, scene, form, evaluate));
  }
  const std::vector<FormSpeed> speeds = time_forms(model, scene, evaluations, evaluate, repeats);
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

  ComparisonResult result() {
    for (const std::string& path : options_.scenes) {
      compare_scene(path);
    }
    progress_.finish();
    return std::move(result_);
  }

 private:
  void compare_scene(const std::string& path) {
    const std::string absolute = absolute_path(path).string();
    std::optional<Scene> scene;
    for (const ChosenModel& model : models_) {
      try {
        if (const ComparisonRow* row = rows_.find(absolute, model.word, model.time)) {
          result_.rows.push_back(*row);
        } else {
          if (!scene) {
            scene = load_scene(path, {.image_folder = options_.run.image_folder});
          }
          result_.rows.push_back(compare_model(*scene, path, absolute, model));
        }
      } catch (const UsageError&) {
        throw;
      } catch (const Error& error) {
        result_.failures.emplace_back(error.what());
        fmt::print(stderr, "parallax: {}\n", result_.failures.back());
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
    const std::vector<Form> asked = parse_forms(options_.run.form);
    if (!options_.common.quiet && told_.insert(chosen.word).second) {
      if (!model.source.empty()) {
        fmt::print(stderr, "note: {}: weights {}\n", model.name, model.source);
      }
      for (const std::string& note : reading_notes(options_.run.reading, asked, model)) {
        fmt::print(stderr, "note: {}\n", note);
      }
    }
    const std::vector<Form> forms = forms_when_read(options_.run.reading, asked, model);
    if (forms.empty()) {
      throw Error(missing_form(model));
    }
    configure_model(options_.run, model);
    const PreparedScene prepared = prepare_scene(scene, model, prepare_options(options_.run));
    if (prepared.targets.indices.empty()) {
      throw Error(ErrorParts{.what = "every view is an input: none is left to compare with",
                             .where = path,
                             .remedy = "Use fewer --input-views, or name --target-views."});
    }
    EvaluateOptions evaluate = evaluate_;
    evaluate.streamed = reads_streamed(options_.run.reading, model);
    ComparisonRow row = compare_forms(model, prepared, forms, options_.repeats, evaluate);
    row.scene_path = absolute;
    row.word = chosen.word;
    row.model_time = chosen.time;
    const fs::path earlier = rows_.add(row);
    if (!options_.common.quiet) {
      note_set_aside(earlier);
    }
    return row;
  }

  const CompareOptions& options_;
  const EvaluateOptions& evaluate_;
  std::vector<ChosenModel> models_;
  std::set<std::string> told_;  // words of models whose weights' place was told
  RowsFolder rows_;
  Progress progress_;
  ComparisonResult result_;
};

}  // namespace

std::vector<std::string> absolute_paths(const std::vector<std::string>& files) {
  std::vector<std::string> paths;
  paths.reserve(files.size());
  for (const std::string& file : files) {
    paths.push_back(absolute_path(file).string());
  }
  return paths;
}

ComparisonResult run_comparison(const CompareOptions& options,
                                const std::vector<std::string>& words,
                                const EvaluateOptions& evaluate) {
  return CompareRun(options, words, evaluate).result();
}

}  // namespace parallax
