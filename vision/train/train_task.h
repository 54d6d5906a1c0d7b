// What a trainer needs to know of a model and its data.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/torch.h"

namespace parallax {

// One measured quantity of a training step; the log shows its mean.
struct Metric {
  std::string name;
  double value = 0;
};

struct ShardLoss {
  Tensor loss;  // scalar, with its graph
  std::vector<Metric> metrics;
};

// The items (scenes, images) of shard `shard` of `num_shards`: [first, first + count). Throws
// UsageError.
struct ShardRange {
  int64_t first = 0;
  int64_t count = 0;
};
ShardRange shard_of_batch(int64_t batch_size, int64_t shard, int64_t num_shards);

class TrainTask {
 public:
  TrainTask() = default;
  virtual ~TrainTask() = default;
  TrainTask(const TrainTask&) = delete;
  TrainTask& operator=(const TrainTask&) = delete;

  virtual torch::nn::Module& module() = 0;

  // Whether the matrix of this name lies between other layers (Muon's kind).
  virtual bool is_hidden(const std::string& parameter) const = 0;

  // The mean loss over shard `shard` of `num_shards` equal shards of step `step`'s batch. The batch
  // depends on the step alone, so however many ranks share it, the data are the same. Throws
  // UsageError if the batch cannot be divided into so many shards.
  virtual ShardLoss shard_loss(int64_t step, int64_t shard, int64_t num_shards) = 0;

  // Says that this shard will be asked for soon, so that its data can be made meanwhile.
  virtual void prepare(int64_t step, int64_t shard, int64_t num_shards) = 0;

  // The score (higher is better) and whatever else describes the module as it is now.
  struct Evaluation {
    double score = 0;
    std::vector<Metric> metrics;
  };
  virtual Evaluation evaluate() = 0;

  // Writes the module as it is now as a model for users.
  virtual void export_model(const std::filesystem::path& path, const nlohmann::json& training) = 0;
};

}  // namespace parallax
