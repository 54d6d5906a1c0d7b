// The training loop of every model: steps, averages, evaluations, checkpoints and exact resume.
#pragma once

#include <functional>
#include <memory>

#include "core/distributed/process_group.h"
#include "vision/train/named_weights.h"
#include "vision/train/optimiser.h"
#include "vision/train/train_checkpoint.h"
#include "vision/train/train_task.h"

namespace parallax {

// What the caller of a training run does along the way.
struct TrainHooks {
  std::function<void(const nlohmann::json&)> on_record;  // a log line; first rank only
  std::function<void(int64_t)> on_step;                  // steps done so far
  std::function<bool()> should_stop;                     // asked between steps
};

// Why a run ended.
enum class TrainEnd {
  kFinished,  // all steps done
  kEarly,     // the score stopped improving
  kStopped,   // asked to stop; saved, can be resumed
  kPaused,    // stop_after or max_minutes; saved, can be resumed
};

// Trains a task's module, alone or as one rank of several.
class Trainer {
 public:
  // `recipe` is everything besides `options` that determines the result; a run can only be resumed
  // with the same. `folder` holds `checkpoints/` and, after each evaluation and at the end,
  // `model.safetensors`.
  Trainer(TrainTask& task,
          const TrainOptions& options,
          const nlohmann::json& recipe,
          const std::filesystem::path& folder,
          ProcessGroup& ranks);
  ~Trainer();

  // Resumes from the latest usable checkpoint in the folder; returns the steps done, 0 if there is
  // none. Throws UsageError listing the options that differ from the run's.
  int64_t resume(std::vector<std::string>& notes);

  // Trains to the end and leaves the exported weights in the module: the best ones if patience is
  // set, else the averaged ones. Throws PeerLostError after saving the current state.
  TrainEnd run(const TrainHooks& hooks);

  // The last evaluation; run() adds one at the end unless the last step was evaluated.
  const nlohmann::json& results() const { return results_; }

 private:
  void train_step(const TrainHooks& hooks);
  int64_t concurrent_shards(int64_t step) const;
  void prepare_next(int64_t num_shards);
  void gradients_on_threads(int64_t num_shards);
  void gradients_of_rank();
  void update_average();
  bool evaluate(const TrainHooks& hooks);  // false: patience has run out
  void load_result_weights();
  void log_interval(const TrainHooks& hooks, double norm);
  void save(const TrainHooks& hooks);
  TrainEnd loop(const TrainHooks& hooks);
  bool must_stop(const TrainHooks& hooks, bool& pause);
  nlohmann::json training_facts() const;
  double seconds() const;

  TrainTask& task_;
  TrainOptions options_;
  nlohmann::json recipe_;
  std::filesystem::path folder_;
  ProcessGroup& ranks_;
  Optimiser optimiser_;
  std::unique_ptr<GradientAverage> gradients_;
  NamedWeights weights_;         // parameters and buffers
  std::vector<Tensor> average_;  // of weights_, in float32
  std::vector<Tensor> best_;     // empty without patience

  int64_t steps_done_ = 0;
  int64_t evaluated_at_ = -1;
  int64_t saved_at_ = -1;
  int64_t skipped_ = 0;  // steps without finite gradients
  int64_t skipped_in_row_ = 0;
  double best_score_ = 0;
  int64_t best_step_ = -1;
  int evaluations_since_best_ = 0;
  double earlier_seconds_ = 0;  // spent in this run's earlier processes
  std::chrono::steady_clock::time_point started_;
  nlohmann::json results_;

  std::map<std::string, double> interval_sums_;
  int64_t interval_steps_ = 0;
  double interval_start_ = 0;
};

}  // namespace parallax
