// What all training commands share: folder, resume, signals, log, progress.
#pragma once

#include <string>

#include "apps/common/cli.h"
#include "core/ttt/form.h"
#include "vision/train/trainer.h"

namespace parallax {

// Where a run is stored, and how it resumes and waits for others.
struct TrainRunOptions {
  std::string output;
  bool resume = false;
  double rank_timeout = 120;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("output", self.output, "folder of the run: checkpoints, log, model.safetensors");
    visitor("resume", self.resume, "resume from the folder's latest checkpoint, if there is one");
    visitor("rank_timeout",
            self.rank_timeout,
            "seconds to wait for other processes before giving up the run",
            OptionRange{1, 1e6});
  }
};

// Members the user gave on the command line replace those of `base`; all others are `base`'s.
template <class Options>
Options overlay_given(const CLI::App& app, const Options& parsed, const Options& base) {
  nlohmann::json merged = options_to_json(base);
  const nlohmann::json given = options_to_json(parsed);
  for (const auto& item : given.items()) {
    if (is_given(app, flag_name(item.key()))) {
      merged[item.key()] = item.value();
    }
  }
  Options result = base;
  options_from_json(merged, "command line", result);
  return result;
}

// The one form in which training runs the layers. Throws UsageError.
Form parse_training_form(const std::string& text);

// "float16" or what --dtype takes. Throws UsageError.
torch::Dtype parse_export_dtype(const std::string& name);

// The device of this rank: with "cuda", each of a machine's ranks takes the GPU with its local
// number.
torch::Device parse_rank_device(const std::string& name, const RankInfo& ranks);

// Refuses a folder that holds another run unless it is to be resumed.
void check_run_folder(const TrainRunOptions& options);

// kExitStopped after a signal, else kExitDone.
int exit_code(TrainEnd end);

// Resumes if asked to, trains until the end or a signal, and keeps log, page and plot up to date.
// Notes go to stderr. Returns how it ended.
TrainEnd run_training(Trainer& trainer,
                      const TrainRunOptions& run,
                      const TrainOptions& train,
                      const std::string& title,
                      ProcessGroup& ranks,
                      bool quiet);

}  // namespace parallax
