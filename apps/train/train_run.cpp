// Runs a trainer as a command.
#include "apps/train/train_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "apps/common/nvs_options.h"
#include "apps/common/stop_signals.h"
#include "apps/train/train_log.h"
#include "core/base/device.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/files/append_file.h"

namespace parallax {
namespace {

const char* ending(TrainEnd end) {
  switch (end) {
    case TrainEnd::kFinished:
      return "all steps are done";
    case TrainEnd::kEarly:
      return "stopped early, as the score stopped improving";
    case TrainEnd::kStopped:
      return "stopped by a signal; saved, continue with --resume";
    default:
      return "paused; saved, continue with --resume";
  }
}

}  // namespace

Form parse_training_form(const std::string& text) {
  const std::vector<Form> forms = parse_forms(text);
  if (forms.size() != 1) {
    throw UsageError(ErrorParts{
        .what = "training uses one form", .where = "--form", .expected = "recurrent or parallel"});
  }
  return forms.front();
}

torch::Dtype parse_export_dtype(const std::string& name) {
  return name == "float16" ? torch::kFloat16 : parse_dtype(name);
}

torch::Device parse_rank_device(const std::string& name, const RankInfo& ranks) {
  // Slurm may give each task a GPU of its own, and shows it no other.
  const int shown = std::max(1, static_cast<int>(torch::cuda::device_count()));
  return parse_device(
      name == "cuda" && !ranks.alone() ? fmt::format("cuda:{}", ranks.local_rank % shown) : name);
}

int exit_code(TrainEnd end) { return end == TrainEnd::kStopped ? kExitStopped : kExitDone; }

void check_run_folder(const TrainRunOptions& options) {
  if (!options.resume && has_snapshots(std::filesystem::path(options.output) / "checkpoints")) {
    throw UsageError(ErrorParts{.what = "the folder already holds a training run",
                                .where = options.output,
                                .remedy = "Add --resume to continue it, or choose another "
                                          "--output."});
  }
}

TrainEnd run_training(Trainer& trainer,
                      const TrainRunOptions& run,
                      const TrainOptions& train,
                      const std::string& title,
                      ProcessGroup& ranks,
                      bool quiet) {
  const bool speaks = ranks.is_first();
  std::optional<FolderLock> lock;
  if (speaks) {
    create_folder(run.output);
    lock.emplace(run.output);
  }
  int64_t done = 0;
  if (run.resume) {
    std::vector<std::string> notes;
    done = trainer.resume(notes);
    for (const std::string& note : notes) {
      fmt::print(stderr, "parallax: {}\n", note);
    }
    if (speaks && !quiet) {
      fmt::print(stderr,
                 "{}\n",
                 done > 0 ? fmt::format("resuming from step {}", done)
                          : "there is no checkpoint yet: starting from the beginning");
    }
  }
  std::unique_ptr<TrainLog> log;
  if (speaks) {
    log = std::make_unique<TrainLog>(run.output, title, done);
  }
  Progress progress("train", train.steps - done, quiet || !speaks);
  progress.stop_after(60 * train.max_minutes);
  const StopSignals signals;
  TrainHooks hooks;
  hooks.on_step = [&](int64_t) { progress.advance(); };
  hooks.should_stop = [] { return stop_requested(); };
  hooks.on_record = [&](const nlohmann::json& record) {
    log->add(record);
    if (!quiet && record.value("kind", "") == "evaluation") {
      fmt::print(stderr,
                 "\nstep {}: score {:.3f}\n",
                 record.at("step").get<int64_t>(),
                 record.at("score").get<double>());
    }
  };
  const TrainEnd end = trainer.run(hooks);
  progress.finish();
  if (speaks) {
    log->draw(true);
    if (!quiet) {
      fmt::print(stderr, "{}; {}\n", ending(end), run.output);
    }
  }
  return end;
}

}  // namespace parallax
