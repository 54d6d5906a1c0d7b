// What a trainer needs to know of a model and its data.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/base/torch.h"

namespace parallax {

// One measured quantity of a training step; the log shows its mean.
struct Measure {
  std::string name;
  double value = 0;
};

struct PartLoss {
  Tensor loss;  // scalar, with its graph
  std::vector<Measure> measures;
};

class TrainTask {
 public:
  TrainTask() = default;
  virtual ~TrainTask() = default;
  TrainTask(const TrainTask&) = delete;
  TrainTask& operator=(const TrainTask&) = delete;

  virtual torch::nn::Module& module() = 0;

  // Whether the matrix of this name lies between other layers (Muon's kind).
  virtual bool is_hidden(const std::string& parameter) const = 0;

  // The mean loss over part `part` of `parts` equal parts of step `step`'s batch. The batch depends
  // on the step alone, so however many ranks share it, the data are the same. Throws UsageError if
  // the batch cannot be divided into so many parts.
  virtual PartLoss part_loss(int64_t step, int64_t part, int64_t parts) = 0;

  // Says that this part will be asked for soon, so that its data can be made meanwhile.
  virtual void prepare(int64_t step, int64_t part, int64_t parts) = 0;

  // The score (higher is better) and whatever else describes the module as it is now.
  struct Evaluation {
    double score = 0;
    std::vector<Measure> measures;
  };
  virtual Evaluation evaluate() = 0;

  // Writes the module as it is now as a model for users.
  virtual void export_model(const std::filesystem::path& path, const nlohmann::json& training) = 0;
};

}  // namespace parallax
