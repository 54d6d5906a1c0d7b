// Models, probes, and rows on disk.
#include "apps/lab/lab_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>

#include "apps/lab/lab_ablation.h"
#include "apps/lab/lab_probes.h"
#include "apps/report/earlier_results.h"
#include "apps/report/run_settings.h"
#include "apps/report/system_info.h"
#include "core/base/clock.h"
#include "core/base/device.h"
#include "core/base/json_text.h"
#include "core/base/operator_threads.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/files/append_file.h"
#include "core/io/atomic_file.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kLabSettings = "run.json";

// Everything but model and probe that decides a row.
json lab_settings(const LabOptions& options) {
  json settings = options_to_json(options.views);
  settings["images"] = options.images;
  settings["truth"] = options.truth.empty() ? "" : absolute_path(options.truth).string();
  settings["longest_sequence"] = options.longest_sequence;
  settings["repeats"] = options.repeats;
  for (const std::string& path : options.paths) {
    settings["paths"].push_back(absolute_path(path).string());
  }
  return settings;
}

// The rows of a run, on disk as they come. Nothing is written before the first.
class LabFolder {
 public:
  // With `resume`, the rows that an earlier run left. Throws UsageError if it had other settings.
  explicit LabFolder(const LabOptions& options)
      : folder_(options.output), settings_(lab_settings(options)) {
    std::error_code ignored;
    if (options.resume && fs::exists(folder_ / kLabRows, ignored)) {
      check_settings(folder_ / kLabSettings, settings_);
      open(true);
      read_whole_lines(folder_ / kLabRows, [&](const std::string& line) {
        if (auto row = parse_lab_row(line)) {
          rows_.push_back(*std::move(row));
        }
      });
    }
  }

  size_t size() const { return rows_.size(); }

  // Null if there is none of this model as it is now.
  const LabRow* find(const LabProbe& probe, const LabModel& model) const {
    const auto found = std::find_if(rows_.rbegin(), rows_.rend(), [&](const LabRow& row) {
      return row.probe == probe.name && row.word == model.word && row.model_time == model.time;
    });
    return found == rows_.rend() ? nullptr : &*found;
  }

  // Returns where earlier results were moved to; empty if there were none.
  fs::path add(LabRow row) {
    const fs::path earlier = lock_ ? fs::path() : open(false);
    file_->append(dump_json(lab_row_json(row)) + "\n");
    rows_.push_back(std::move(row));
    return earlier;
  }

 private:
  fs::path open(bool resume) {
    create_folder(folder_);
    lock_.emplace(folder_);
    fs::path earlier;
    if (!resume) {
      earlier = set_aside(folder_, {kLabRows, kLabSettings, "lab.html", "lab.json"});
    }
    write_file_atomically(folder_ / kLabSettings, dump_json(settings_, 1) + "\n");
    file_.emplace(folder_ / kLabRows);
    return earlier;
  }

  fs::path folder_;
  json settings_;
  std::optional<FolderLock> lock_;
  std::optional<AppendFile> file_;
  std::vector<LabRow> rows_;
};

std::vector<const LabProbe*> chosen_probes(const LabOptions& options) {
  for (const std::string& name : options.probes) {
    find_lab_probe(name);
  }
  std::vector<const LabProbe*> probes;
  for (const LabProbe& probe : lab_probes()) {
    if (options.probes.empty() ||
        std::find(options.probes.begin(), options.probes.end(), probe.name) !=
            options.probes.end()) {
      probes.push_back(&probe);
    }
  }
  return probes;
}

bool applies_to(const LabProbe& probe, const LabModel& model) {
  return (model.classifies ? probe.image_run != nullptr : probe.nvs_run != nullptr);
}

// "about 12 s", "about 3 min".
std::string about(double seconds) {
  return seconds < 90 ? fmt::format("about {:.0f} s", std::max(1.0, seconds))
                      : fmt::format("about {:.0f} min", seconds / 60);
}

// One run of the command.
class LabRun {
 public:
  explicit LabRun(const LabOptions& options)
      : options_(options),
        probes_(chosen_probes(options)),
        data_(find_lab_data(options)),
        models_(find_lab_models(options, data_)),
        folder_(options) {
    for (const LabModel& model : models_) {
      for (const LabProbe* probe : probes_) {
        if (applies_to(*probe, model)) {
          ++runs_;
          missing_ += folder_.find(*probe, model) == nullptr ? 1 : 0;
        }
      }
    }
    if (runs_ == 0 && !models_.empty()) {
      throw UsageError(
          ErrorParts{.what = "none of these probes applies to these models", .where = "--probe"});
    }
    say(fmt::format("{} models, {} runs of probes{}",
                    models_.size(),
                    runs_,
                    missing_ < runs_ ? fmt::format(", {} are there already", runs_ - missing_)
                                     : std::string()));
  }

  LabReport report() {
    report_.failures = data_.failures;
    for (const LabModel& model : models_) {
      examine(model);
    }
    for (const bool classifies : {false, true}) {
      if (auto path = ablation_path(report_.rows, classifies)) {
        report_.rows.push_back(*std::move(path));
      }
    }
    for (const Scene& scene : data_.scenes) {
      report_.data.push_back(fmt::format("scene {} ({} views)", scene.name, scene.views.size()));
    }
    for (const std::string& folder : data_.folders) {
      report_.data.push_back("images of " + folder);
    }
    report_.provenance = provenance_json();
    return std::move(report_);
  }

 private:
  void say(const std::string& text) const {
    if (!options_.common.quiet) {
      fmt::print(stderr, "lab: {}\n", text);
    }
  }

  void fail(const std::string& sentence) {
    report_.failures.push_back(sentence);
    fmt::print(stderr, "parallax: {}\n", sentence);
  }

  void examine(const LabModel& model) {
    std::unique_ptr<LabSubject> subject;
    std::optional<LabBench> bench;
    for (const LabProbe& probe : lab_probes()) {
      if (!applies_to(probe, model)) {
        continue;
      }
      // What an earlier run left stays on the page, chosen this time or not.
      if (const LabRow* row = folder_.find(probe, model)) {
        report_.rows.push_back(*row);
        continue;
      }
      if (std::find(probes_.begin(), probes_.end(), &probe) == probes_.end()) {
        continue;
      }
      try {
        if (!subject) {
          subject = load_lab_subject(options_, model, data_);
          tell_notes(*subject);
          bench.emplace(measure_bench(options_, *subject));
        }
        report_.rows.push_back(run(probe, model, *bench));
      } catch (const UsageError&) {
        throw;
      } catch (const Error& error) {
        fail(fmt::format("{}: {}", model.word, error.what()));
        if (!bench) {  // nothing else can be done with it
          return;
        }
      }
    }
  }

  void tell_notes(const LabSubject& subject) {
    for (const PreparedScene& scene : subject.nvs.scenes) {
      for (const std::string& note : scene.notes) {
        if (!options_.common.quiet && std::find(told_.begin(), told_.end(), note) == told_.end()) {
          fmt::print(stderr, "note: {}: {}\n", scene.name, note);
          told_.push_back(note);
        }
      }
    }
  }

  LabRow run(const LabProbe& probe, const LabModel& model, const LabBench& bench) {
    adapt_operator_threads();
    const LabCost cost = model.classifies ? probe.image_cost(bench) : probe.nvs_cost(bench);
    ++started_;
    say(fmt::format("{}, {} ({} of {}): {}, {}{}",
                    bench.subject.name(),
                    probe.name,
                    started_,
                    missing_,
                    cost.work,
                    about(cost.seconds),
                    cost.bytes > 0 ? " and " + format_bytes(cost.bytes) : std::string()));
    require_memory(cost.bytes,
                   fmt::format("the probe {}", probe.name),
                   "Choose a smaller --longest-sequence.");
    Progress progress(probe.name, cost.parts, options_.common.quiet);
    const auto start = Clock::now();
    const auto advance = [&] { progress.advance(); };
    const lab::ProbeResult result =
        model.classifies ? probe.image_run(bench, advance) : probe.nvs_run(bench, advance);
    LabRow row{.probe = probe.name,
               .word = model.word,
               .model = bench.subject.name(),
               .variant = bench.subject.variant(),
               .classifies = model.classifies,
               .training_steps = bench.subject.training_steps(),
               .model_time = model.time,
               .seconds = seconds_since(start),
               .result = probe_result_json(result)};
    const fs::path earlier = folder_.add(row);
    if (!options_.common.quiet) {
      note_set_aside(earlier);
    }
    return row;
  }

  const LabOptions& options_;
  std::vector<const LabProbe*> probes_;
  LabData data_;
  std::vector<LabModel> models_;
  LabFolder folder_;
  size_t runs_ = 0;
  size_t missing_ = 0;
  size_t started_ = 0;
  std::vector<std::string> told_;
  LabReport report_;
};

}  // namespace

bool fits_lab_folder(const LabOptions& options) {
  const fs::path folder = options.output;
  std::error_code ignored;
  if (!fs::exists(folder / kLabRows, ignored)) {
    return true;
  }
  std::ifstream stream(folder / kLabSettings);
  return json::parse(stream, nullptr, false) == lab_settings(options);
}

LabReport run_laboratory(const LabOptions& options) { return LabRun(options).report(); }

}  // namespace parallax
