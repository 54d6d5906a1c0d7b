// What a trainer needs to know about a model and its data.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/torch.h"

namespace parallax {

// One measured quantity.
struct Metric {
  std::string name;
  double value = 0;
};

// One measured quantity of a training step, a scalar that is read only when the device has nothing
// else to wait for; the log shows its mean.
struct ShardMetric {
  std::string name;
  Tensor value;
};

// The loss of one shard of a batch.
struct ShardLoss {
  Tensor loss;  // scalar, with its autograd graph
  std::vector<ShardMetric> metrics;
};

// The items (scenes, images) of one shard of a batch: [first, first + count).
struct ShardRange {
  int64_t first = 0;
  int64_t count = 0;
};
// Throws UsageError if the batch cannot be divided into so many equal shards.
ShardRange shard_of_batch(int64_t batch_size, int64_t shard, int64_t num_shards);

// A module and the data that it is trained on.
class TrainTask {
 public:
  TrainTask() = default;
  virtual ~TrainTask() = default;
  TrainTask(const TrainTask&) = delete;
  TrainTask& operator=(const TrainTask&) = delete;

  virtual torch::nn::Module& module() = 0;

  // Whether the matrix of this name is between other layers, so that Muon may train it.
  virtual bool is_hidden(const std::string& parameter) const = 0;

  // The mean loss over shard `shard` of `num_shards` equal shards of step `step`'s batch. The batch
  // depends only on the step, so the data are the same however many ranks share it. Throws
  // UsageError if the batch cannot be divided into so many shards.
  virtual ShardLoss shard_loss(int64_t step, int64_t shard, int64_t num_shards) = 0;

  // Into how many equal shards step `step`'s batch may be divided whose losses several threads
  // compute at a time; 1: shard_loss() is for one thread.
  virtual int64_t concurrent_shards(int64_t /*step*/) const { return 1; }

  // Announces that this shard will be needed soon, so that its data can be prepared meanwhile.
  virtual void prepare(int64_t step, int64_t shard, int64_t num_shards) = 0;

  // The score (higher is better) and further metrics of the module in its present state.
  struct Evaluation {
    double score = 0;
    std::vector<Metric> metrics;
  };
  virtual Evaluation evaluate() = 0;

  // Writes the module in its present state as a model for users.
  virtual void export_model(const std::filesystem::path& path, const nlohmann::json& training) = 0;
};

}  // namespace parallax
