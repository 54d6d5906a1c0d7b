// The training loop and its checkpoints.
#include "vision/train/trainer.h"

#include <fmt/ranges.h>

#include <ATen/Parallel.h>

#include <cmath>

#include "core/base/clock.h"
#include "core/base/json_text.h"
#include "vision/synth/random.h"
#include "vision/train/concurrent_gradients.h"

namespace parallax {
namespace {

constexpr int64_t kMaxSkippedInRow = 50;

// Only options that determine the result must be the same; reports all differences at once.
void require_same_recipe(const nlohmann::json& stored, const nlohmann::json& wanted) {
  std::vector<std::string> differences;
  for (const auto& item : wanted.items()) {
    const nlohmann::json before = stored.value(item.key(), nlohmann::json());
    if (before != item.value()) {
      differences.push_back(
          fmt::format("{} was {}, is {}", item.key(), dump_json(before), dump_json(item.value())));
    }
  }
  if (!differences.empty()) {
    throw UsageError(
        ErrorParts{.what = "the run in this folder was made with other options: " +
                           fmt::format("{}", fmt::join(differences, "; ")),
                   .remedy = "Resume with the same options, or choose another --output."});
  }
}

}  // namespace

Trainer::Trainer(TrainTask& task,
                 const TrainOptions& options,
                 const nlohmann::json& recipe,
                 const std::filesystem::path& folder,
                 ProcessGroup& ranks)
    : task_(task),
      options_(options),
      recipe_(recipe),
      folder_(folder),
      ranks_(ranks),
      optimiser_(task.module(),
                 options,
                 [&task](const std::string& name) { return task.is_hidden(name); }),
      gradients_(std::make_unique<GradientAverage>(optimiser_.parameters(), ranks)),
      weights_(named_weights(task.module())),
      started_(Clock::now()) {
  const nlohmann::json own = options_to_json(options);
  for (const auto& item : own.items()) {
    if (decides_result(item.key())) {
      recipe_[item.key()] = item.value();
    }
  }
  ranks_.broadcast_from_first(tensors_of(weights_));
  average_ = copies_of(weights_);
}

Trainer::~Trainer() = default;

double Trainer::seconds() const { return earlier_seconds_ + seconds_since(started_); }

int64_t Trainer::resume(std::vector<std::string>& notes) {
  const auto snapshot = load_latest_snapshot(folder_ / "checkpoints", notes);
  if (!snapshot) {
    return 0;
  }
  require_same_recipe(snapshot->recipe, recipe_);
  take_all("model.", weights_, tensors_of(weights_), snapshot->tensors);
  take_all("ema.", weights_, average_, snapshot->tensors);
  const nlohmann::json& facts = snapshot->facts;
  if (facts.value("has_best", false)) {
    best_ = copies_of(weights_);
    take_all("best.", weights_, best_, snapshot->tensors);
  }
  optimiser_.load(snapshot->tensors);
  steps_done_ = snapshot->steps_done;
  saved_at_ = steps_done_;
  evaluated_at_ = facts.value("evaluated_at", int64_t{-1});
  skipped_ = facts.value("skipped", int64_t{0});
  skipped_in_row_ = facts.value("skipped_in_row", int64_t{0});
  best_score_ = facts.value("best_score", 0.0);
  best_step_ = facts.value("best_step", int64_t{-1});
  evaluations_since_best_ = facts.value("evaluations_since_best", 0);
  earlier_seconds_ = facts.value("seconds", 0.0);
  results_ = facts.value("results", nlohmann::json());
  return steps_done_;
}

nlohmann::json Trainer::training_facts() const {
  return {{"steps", steps_done_},
          {"seconds", std::round(seconds() * 10) / 10},
          {"skipped_steps", skipped_},
          {"processes", ranks_.world_size()},
          {"recipe", recipe_},
          {"results", results_}};
}

void Trainer::save(const TrainHooks& hooks) {
  if (saved_at_ == steps_done_ || !ranks_.is_first()) {
    return;
  }
  TrainSnapshot snapshot{.steps_done = steps_done_, .recipe = recipe_};
  snapshot.tensors = optimiser_.state();
  for (auto& [name, tensor] : snapshot.tensors) {
    tensor = tensor.to(torch::kCPU).contiguous();
  }
  put_all("model.", weights_, tensors_of(weights_), snapshot.tensors);
  put_all("ema.", weights_, average_, snapshot.tensors);
  if (!best_.empty()) {
    put_all("best.", weights_, best_, snapshot.tensors);
  }
  snapshot.facts = {{"evaluated_at", evaluated_at_},
                    {"skipped", skipped_},
                    {"skipped_in_row", skipped_in_row_},
                    {"best_score", best_score_},
                    {"best_step", best_step_},
                    {"evaluations_since_best", evaluations_since_best_},
                    {"has_best", !best_.empty()},
                    {"seconds", seconds()},
                    {"results", results_}};
  save_snapshot(folder_ / "checkpoints", snapshot, options_.checkpoints_kept);
  saved_at_ = steps_done_;
  if (hooks.on_record) {
    hooks.on_record({{"kind", "checkpoint"}, {"step", steps_done_}});
  }
}

void Trainer::update_average() {
  const torch::NoGradGuard no_grad;
  // In the first steps old weights count for less; otherwise the initial ones would linger.
  const auto steps = static_cast<double>(steps_done_);
  const double decay = std::min(options_.ema, (1 + steps) / (10 + steps));
  std::vector<Tensor> averages;
  std::vector<Tensor> values;
  for (size_t i = 0; i < weights_.size(); ++i) {
    const Tensor value = weights_[i].second.detach();
    if (value.is_floating_point() && weights_[i].second.requires_grad()) {
      averages.push_back(average_[i]);
      values.push_back(value);
    } else {
      average_[i].copy_(value);
    }
  }
  if (!averages.empty()) {
    at::_foreach_lerp_(averages, values, 1 - decay);  // on a GPU, a few launches for all
  }
}

// The shards of a step's batch that threads compute at a time: the largest number of equal ones
// that gives no thread more than one; 1 where other processes have a part of the batch.
int64_t Trainer::concurrent_shards(int64_t step) const {
  if (ranks_.world_size() > 1 || options_.accumulate > 1) {
    return 1;
  }
  const int64_t most = task_.concurrent_shards(step);
  int64_t shards = std::min<int64_t>(at::get_num_threads(), most);
  while (most % shards != 0) {
    --shards;
  }
  return shards;
}

void Trainer::prepare_next(int64_t num_shards) {
  for (int64_t shard = 0; shard < num_shards; ++shard) {
    task_.prepare(steps_done_ + 1, shard, num_shards);
  }
}

void Trainer::gradients_on_threads(int64_t num_shards) {
  if (steps_done_ + 1 < options_.steps) {
    prepare_next(concurrent_shards(steps_done_ + 1));
  }
  const StepMeasures measures = concurrent_gradients(
      task_, steps_done_, num_shards, static_cast<int>(num_shards), optimiser_.parameters());
  interval_sums_["loss"] += measures.loss;
  for (const auto& [name, value] : measures.metrics) {
    interval_sums_[name] += value;
  }
}

// This rank's shards, one after the other, their gradients averaged over all ranks.
void Trainer::gradients_of_rank() {
  const int64_t num_shards = static_cast<int64_t>(options_.accumulate) * ranks_.world_size();
  for (int64_t i = 0; i < options_.accumulate; ++i) {
    const int64_t shard = static_cast<int64_t>(ranks_.rank()) * options_.accumulate + i;
    if (i + 1 < options_.accumulate) {
      task_.prepare(steps_done_, shard + 1, num_shards);
    } else if (steps_done_ + 1 < options_.steps) {
      task_.prepare(steps_done_ + 1, shard + 1 - options_.accumulate, num_shards);
    }
    ShardLoss result = task_.shard_loss(steps_done_, shard, num_shards);
    gradients_->backward(result.loss / static_cast<double>(options_.accumulate),
                         i + 1 == options_.accumulate);
    interval_sums_["loss"] += result.loss.item<double>() / options_.accumulate;
    for (const ShardMetric& measure : result.metrics) {
      interval_sums_[measure.name] += measure.value.item<double>() / options_.accumulate;
    }
  }
}

void Trainer::train_step(const TrainHooks& hooks) {
  // Everything random in a step depends only on seed and step, so none of it has to be saved.
  torch::manual_seed(mix_bits(mix_bits(static_cast<uint64_t>(options_.seed)) +
                              static_cast<uint64_t>(steps_done_) * ranks_.world_size() +
                              ranks_.rank()));
  optimiser_.zero_gradients();
  if (const int64_t shards = concurrent_shards(steps_done_); shards > 1) {
    gradients_on_threads(shards);
  } else {
    gradients_of_rank();
  }
  const double norm = optimiser_.clip_gradients();
  if (std::isfinite(norm)) {
    optimiser_.step(steps_done_);
    skipped_in_row_ = 0;
  } else {
    ++skipped_;
    if (++skipped_in_row_ > kMaxSkippedInRow) {
      throw Error(ErrorParts{
          .what =
              fmt::format("the gradients were not finite in {} consecutive steps", skipped_in_row_),
          .where = fmt::format("step {}", steps_done_),
          .remedy = "Resume from an earlier checkpoint with a smaller learning rate."});
    }
  }
  ++steps_done_;
  ++interval_steps_;
  update_average();
  if (steps_done_ % options_.log_every == 0 || steps_done_ == options_.steps) {
    log_interval(hooks, norm);
  }
}

void Trainer::log_interval(const TrainHooks& hooks, double norm) {
  std::vector<double> values;
  for (const auto& [name, sum] : interval_sums_) {
    values.push_back(sum / static_cast<double>(interval_steps_));
  }
  Tensor means = torch::tensor(values, torch::kFloat64) / ranks_.world_size();
  std::exception_ptr lost;
  try {
    ranks_.sum(means);
  } catch (const PeerLostError&) {  // the step is done and will be saved: it is logged, too
    lost = std::current_exception();
    means = torch::tensor(values, torch::kFloat64);  // of this rank alone
  }
  const double now = seconds();
  nlohmann::json record = {{"kind", "step"}, {"step", steps_done_}};
  int64_t i = 0;
  for (const auto& [name, sum] : interval_sums_) {
    record[name] = means[i++].item<double>();
  }
  record["gradient_norm"] = std::isfinite(norm) ? nlohmann::json(norm) : nlohmann::json();
  record["rate_factor"] = learning_rate_factor(options_, steps_done_ - 1);
  record["seconds"] = now;
  record["seconds_per_step"] = (now - interval_start_) / static_cast<double>(interval_steps_);
  record["skipped"] = skipped_;
  interval_sums_.clear();
  interval_steps_ = 0;
  interval_start_ = now;
  if (hooks.on_record && ranks_.is_first()) {
    hooks.on_record(record);
  }
  if (lost) {
    std::rethrow_exception(lost);
  }
}

void Trainer::load_result_weights() {
  const bool averaged = options_.ema > 0 && steps_done_ > 0;
  if (!best_.empty()) {
    copy_into(best_, weights_);
  } else if (averaged) {
    copy_into(average_, weights_);
  }
}

bool Trainer::evaluate(const TrainHooks& hooks) {
  const std::vector<Tensor> current = copies_of(weights_);
  if (options_.ema > 0) {
    copy_into(average_, weights_);
  }
  const TrainTask::Evaluation evaluation = task_.evaluate();
  Tensor score = torch::tensor({evaluation.score}, torch::kFloat64);
  std::exception_ptr lost;
  try {
    ranks_.broadcast_from_first({score});
  } catch (const PeerLostError&) {  // the first rank's score stands, and is saved with the step
    lost = std::current_exception();
  }
  const double value = score.item<double>();
  evaluated_at_ = steps_done_;
  results_ = {{"score", value}};
  for (const Metric& measure : evaluation.metrics) {
    results_[measure.name] = measure.value;
  }
  bool go_on = true;
  if (best_step_ < 0 || value > best_score_) {
    best_score_ = value;
    best_step_ = steps_done_;
    evaluations_since_best_ = 0;
    if (options_.patience > 0) {
      best_ = copies_of(weights_);
    }
  } else {
    go_on = ++evaluations_since_best_ < options_.patience || options_.patience == 0;
  }
  if (ranks_.is_first()) {
    load_result_weights();
    task_.export_model(folder_ / "model.safetensors", training_facts());
    nlohmann::json record = results_;
    record["kind"] = "evaluation";
    record["step"] = steps_done_;
    record["seconds"] = seconds();
    if (hooks.on_record) {
      hooks.on_record(record);
    }
  }
  copy_into(current, weights_);
  if (lost) {
    std::rethrow_exception(lost);
  }
  return go_on;
}

bool Trainer::must_stop(const TrainHooks& hooks, bool& pause) {
  const bool late = (options_.max_minutes > 0 && seconds() >= options_.max_minutes * 60) ||
                    (options_.stop_after > 0 && steps_done_ >= options_.stop_after);
  Tensor wishes =
      torch::tensor({hooks.should_stop && hooks.should_stop() ? 1.0 : 0.0, late ? 1.0 : 0.0});
  ranks_.all_reduce_max(wishes);  // a signal may have reached only one rank
  pause = wishes[1].item<double>() > 0;
  return pause || wishes[0].item<double>() > 0;
}

TrainEnd Trainer::loop(const TrainHooks& hooks) {
  interval_start_ = seconds();
  while (steps_done_ < options_.steps) {
    bool pause = false;
    if (must_stop(hooks, pause)) {
      save(hooks);
      return pause ? TrainEnd::kPaused : TrainEnd::kStopped;
    }
    train_step(hooks);
    if (hooks.on_step) {
      hooks.on_step(steps_done_);
    }
    const bool due = options_.evaluate_every > 0 && steps_done_ % options_.evaluate_every == 0;
    if (due && steps_done_ < options_.steps && !evaluate(hooks)) {
      return TrainEnd::kEarly;
    }
    if (steps_done_ % options_.checkpoint_every == 0) {
      save(hooks);
    }
  }
  return TrainEnd::kFinished;
}

TrainEnd Trainer::run(const TrainHooks& hooks) {
  TrainEnd end = TrainEnd::kFinished;
  try {
    end = loop(hooks);
    if (end == TrainEnd::kStopped) {
      return end;  // already saved; the sender of the signal wants the run to end
    }
    if (evaluated_at_ != steps_done_) {
      evaluate(hooks);
    }
    save(hooks);
  } catch (const PeerLostError& error) {
    // Weights change only after all ranks' gradients have arrived, so the last complete step is
    // intact.
    save(hooks);
    const std::string saved =
        ranks_.is_first() ? fmt::format(" Training up to step {} is saved;", steps_done_) : "";
    throw PeerLostError(error.what() + saved + (saved.empty() ? " Restart" : " restart") +
                        " all ranks with --resume.");
  }
  load_result_weights();
  return end;
}

}  // namespace parallax
