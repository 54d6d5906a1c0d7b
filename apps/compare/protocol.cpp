// Evaluates what has no row yet.
#include "apps/compare/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <tuple>

#include "apps/compare/compare_run.h"
#include "apps/compare/protocol_rows.h"
#include "apps/report/html.h"
#include "apps/report/results.h"
#include "apps/report/run_settings.h"
#include "apps/report/system_info.h"
#include "core/base/json_text.h"
#include "core/base/operator_threads.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/files/append_file.h"
#include "core/io/atomic_file.h"
#include "vision/eval/evaluation_index.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRowsName = "results.jsonl";
constexpr const char* kPreviousName = "results.previous.jsonl";
constexpr const char* kSettingsName = "run.json";

// A scene of the index that is there.
struct FoundScene {
  IndexedViews views;
  fs::path path;
};

// The scenes of the index that are there; a note counts the others.
std::vector<FoundScene> find_scenes(const ProtocolOptions& options,
                                    std::vector<std::string>& notes) {
  const std::vector<IndexedViews> index = read_evaluation_index(options.views_from);
  const SceneFinder finder(options.scenes);
  std::vector<FoundScene> found;
  std::string missing;
  for (const IndexedViews& views : index) {
    if (const auto path = finder.find(views.scene)) {
      found.push_back({views, *path});
    } else if (missing.empty()) {
      missing = escape_invalid_utf8(views.scene);
    }
  }
  if (found.empty()) {
    throw Error(ErrorParts{
        .what = "none of the index's scenes is here",
        .where = options.scenes.front(),
        .expected =
            fmt::format("one of {} scenes such as '{}', by its name", index.size(), missing)});
  }
  if (!missing.empty()) {
    notes.push_back(
        fmt::format("{} of the index's {} evaluations are of scenes that are not here, "
                    "such as '{}'.",
                    index.size() - found.size(),
                    index.size(),
                    missing));
  }
  return found;
}

void refuse_other_choices(const NvsRunOptions& run) {
  const NvsRunOptions defaults;
  for (const auto& [value, otherwise, name] :
       {std::tuple{run.input_views, defaults.input_views, "--input-views"},
        std::tuple{run.target_views, defaults.target_views, "--target-views"}}) {
    if (value != otherwise) {
      throw UsageError(ErrorParts{.what = "the index of --views-from says which views are used",
                                  .where = name,
                                  .remedy = "Leave one of the two out."});
    }
  }
}

// What decides a row besides scene, views, model and form.
nlohmann::json protocol_settings(const ProtocolOptions& options) {
  const NvsRunOptions& run = options.run;
  return {{"size", run.size},
          {"normalise_poses", run.normalise_poses},
          {"background", run.background},
          {"image_folder", run.image_folder},
          {"reading", run.reading},
          {"dtype", run.dtype},
          {"newton_schulz", run.newton_schulz},
          {"newton_schulz_steps", run.newton_schulz_steps},
          {"lpips", absolute_paths(options.lpips)}};
}

// Rows by scene, model and form.
using ProtocolRows = std::map<std::array<std::string, 3>, ProtocolRow>;

void keep(ProtocolRow row, ProtocolRows& rows) {
  std::array<std::string, 3> key = {row.scene, row.model, row.form};
  rows.insert_or_assign(std::move(key), std::move(row));
}

// Makes the folder ready: with `resume`, the rows that are there; without, they are put aside.
ProtocolRows begin_rows(const ProtocolOptions& options) {
  const fs::path folder = options.output;
  std::error_code ignored;
  ProtocolRows rows;
  const nlohmann::json settings = protocol_settings(options);
  if (options.resume && fs::exists(folder / kRowsName, ignored)) {
    check_settings(folder / kSettingsName, settings);
    read_whole_lines(folder / kRowsName, [&](const std::string& line) {
      if (auto row = parse_protocol_row(line)) {
        keep(*std::move(row), rows);
      }
    });
    return rows;
  }
  fs::rename(folder / kRowsName, folder / kPreviousName, ignored);
  write_file_atomically(folder / kSettingsName, dump_json(settings, 1) + "\n");
  return rows;
}

ProtocolRow make_row(const FoundScene& scene,
                     const std::string& model,
                     const PreparedScene& prepared,
                     bool streamed,
                     FormEvaluation evaluation) {
  return {.scene = scene.views.label,
          .model = model,
          .form = std::string(form_name(evaluation.form)),
          .reading = reading_name(streamed),
          .height = prepared.height,
          .width = prepared.width,
          .context = scene.views.context,
          .target = scene.views.target,
          .mean = evaluation.mean,
          .views = std::move(evaluation.views),
          .reconstruct_seconds = evaluation.reconstruct_seconds,
          .seconds_per_view = evaluation.seconds_per_view()};
}

// The work of one run and what came of it.
struct ProtocolRun {
  const ProtocolOptions& options;
  const EvaluateOptions& evaluate;
  std::vector<Form> forms;                            // asked for
  std::map<std::string, std::vector<Form>> forms_of;  // that a model has; of those that were loaded
  AppendFile& file;
  ProtocolRows rows;
  std::vector<std::string> failures;
};

// The forms that the model has, or may have where it was not loaded.
const std::vector<Form>& forms_of_model(const ProtocolRun& run, const std::string& model) {
  const auto known = run.forms_of.find(model);
  return known == run.forms_of.end() ? run.forms : known->second;
}

// The evaluation's row; null if it has none yet, or one of other views.
const ProtocolRow* find_row(const ProtocolRun& run,
                            const FoundScene& scene,
                            const std::string& model,
                            Form form) {
  const auto found = run.rows.find({scene.views.label, model, std::string(form_name(form))});
  return found != run.rows.end() && found->second.context == scene.views.context &&
                 found->second.target == scene.views.target
             ? &found->second
             : nullptr;
}

void evaluate_scene(const FoundScene& scene,
                    const NvsModel& model,
                    const std::string& name,
                    const std::vector<Form>& forms,
                    ProtocolRun& run) {
  if (!scene.views.problem.empty()) {
    throw Error(scene.views.problem);
  }
  adapt_operator_threads();
  const Scene loaded = load_scene(scene.path, {.image_folder = run.options.run.image_folder});
  PrepareOptions prepare = prepare_options(run.options.run);
  prepare.views = select_indexed_views(loaded, scene.views);
  const PreparedScene prepared = prepare_scene(loaded, model, prepare);
  EvaluateOptions evaluate = run.evaluate;
  evaluate.streamed = reads_streamed(run.options.run.reading, model);
  for (const Form form : forms) {
    ProtocolRow row = make_row(
        scene, name, prepared, evaluate.streamed, evaluate_form(model, prepared, form, evaluate));
    run.file.append(protocol_row_line(row));
    keep(std::move(row), run.rows);
  }
}

void note_failure(const std::string& what, const Error& error, ProtocolRun& run) {
  run.failures.push_back(what + ": " + error.what());
  fmt::print(stderr, "parallax: {}\n", run.failures.back());
}

// The model, ready to run; run.forms_of then has its forms.
NvsModel load_model(const std::string& name, ProtocolRun& run) {
  NvsModel model = load_nvs_model(name);
  const std::string& reading = run.options.run.reading;
  if (!run.options.common.quiet) {
    for (const std::string& note : reading_notes(reading, run.forms, model)) {
      fmt::print(stderr, "note: {}\n", note);
    }
  }
  run.forms_of[name] = forms_when_read(reading, run.forms, model);
  if (run.forms_of[name].empty()) {
    throw Error(missing_form(model));
  }
  configure_model(run.options.run, model);
  return model;
}

// Those of its forms without a row.
std::vector<Form> missing_forms(const ProtocolRun& run,
                                const FoundScene& scene,
                                const std::string& name) {
  std::vector<Form> missing;
  for (const Form form : forms_of_model(run, name)) {
    if (find_row(run, scene, name, form) == nullptr) {
      missing.push_back(form);
    }
  }
  return missing;
}

// Everything by one model, which is loaded only if something is left to do.
void evaluate_model(const std::string& name,
                    const std::vector<FoundScene>& scenes,
                    Progress& progress,
                    ProtocolRun& run) {
  std::optional<NvsModel> model;
  for (const FoundScene& scene : scenes) {
    if (!missing_forms(run, scene, name).empty()) {
      try {
        if (!model) {
          model = load_model(name, run);
        }
        evaluate_scene(scene, *model, name, missing_forms(run, scene, name), run);
      } catch (const UsageError&) {
        throw;
      } catch (const Error& error) {
        if (!model) {  // for none of the scenes
          note_failure("model " + name, error, run);
          return;
        }
        note_failure(
            fmt::format("scene '{}', model {}", escape_invalid_utf8(scene.views.label), name),
            error,
            run);
      }
    }
    progress.advance();
  }
}

// The rows of the table: one per evaluation that the index asks for, in its order, then means.
ProtocolTable make_table(const std::vector<FoundScene>& scenes, const ProtocolRun& run) {
  ProtocolTable table;
  for (const std::string& name : run.options.models) {
    for (const Form form : forms_of_model(run, name)) {
      ProtocolGroup group{.model = name, .form = std::string(form_name(form))};
      for (const FoundScene& scene : scenes) {
        if (const ProtocolRow* row = find_row(run, scene, name, form)) {
          group.rows.push_back(*row);
        }
      }
      group.wanted = scenes.size();
      table.push_back(std::move(group));
    }
  }
  return table;
}

void report_table(const ProtocolOptions& options,
                  const ProtocolTable& table,
                  const std::vector<std::string>& notes) {
  const fs::path folder = options.output;
  const auto rows = protocol_table_rows(table);
  nlohmann::json json = protocol_json(table);
  json["notes"] = notes;
  json["provenance"] = provenance_json();
  write_file_atomically(folder / "compare.csv", format_csv(rows));
  write_json((folder / "compare.json").string(), json);
  std::string body;
  for (const std::string& note : notes) {
    body += "<p>" + html::escape(note) + "</p>\n";
  }
  write_file_atomically(
      folder / "compare.html",
      html::page("Parallax: scenes by an index of views",
                 body + html::table(rows) + "<p class=\"note\">" +
                     html::escape(provenance_text(json.at("provenance"))) + "</p>\n"));
  if (options.json != "-") {
    fmt::print("{}", format_table(rows));
    for (const std::string& note : notes) {
      fmt::print("{}\n", note);
    }
  }
  if (!options.json.empty()) {
    write_json(options.json, json);
  }
  if (!options.common.quiet) {
    fmt::print(stderr, "written to {}\n", folder.string());
  }
}

}  // namespace

int run_protocol(const ProtocolOptions& options,
                 const EvaluateOptions& evaluate,
                 std::vector<std::string> notes) {
  refuse_other_choices(options.run);
  const std::vector<FoundScene> scenes = find_scenes(options, notes);
  create_folder(options.output);
  const FolderLock lock(options.output);
  ProtocolRows rows = begin_rows(options);
  if (options.resume && !options.common.quiet) {
    fmt::print(stderr, "{} evaluations are there already\n", rows.size());
  }
  AppendFile file(fs::path(options.output) / kRowsName);
  ProtocolRun run{.options = options,
                  .evaluate = evaluate,
                  .forms = parse_forms(options.run.form),
                  .file = file,
                  .rows = std::move(rows)};
  Progress progress(
      "scenes", static_cast<int64_t>(scenes.size() * options.models.size()), options.common.quiet);
  for (const std::string& model : options.models) {
    evaluate_model(model, scenes, progress, run);
  }
  progress.finish();
  for (const std::string& failure : run.failures) {
    notes.push_back("Left out: " + failure);
  }
  notes.emplace_back(kProtocolDefinition);
  const ProtocolTable table = make_table(scenes, run);
  if (std::all_of(table.begin(), table.end(), [](const ProtocolGroup& group) {
        return group.rows.empty();
      })) {
    return kExitFailed;
  }
  report_table(options, table, notes);
  return run.failures.empty() ? kExitDone : kExitSomeFailed;
}

}  // namespace parallax
