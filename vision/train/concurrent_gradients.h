// A training step on several cores: whole shards of the batch side by side, which leaves no thread
// waiting for another in each operator. More threads than shards share the operators of each.
#pragma once

#include <map>

#include "vision/train/train_task.h"

namespace parallax {

// Means over a step's shards.
struct StepMeasures {
  double loss = 0;
  std::map<std::string, double> metrics;
};

// Computes the shards of a step, `threads` at a time, and sets the parameters' gradients to those
// of the mean loss. They are added in the order of the shards: which thread was first changes
// nothing. Rethrows what a shard threw.
StepMeasures concurrent_gradients(TrainTask& task,
                                  int64_t step,
                                  int64_t num_shards,
                                  int threads,
                                  const std::vector<Tensor>& parameters);

}  // namespace parallax
