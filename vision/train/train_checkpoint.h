// Checkpoints of a training run: everything needed to resume; only the latest few are kept.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/io/checkpoint.h"

namespace parallax {

// The state of a run after some step.
struct TrainSnapshot {
  int64_t steps_done = 0;
  TensorMap tensors;      // weights, averages and optimiser state, each under its own prefix
  nlohmann::json facts;   // counters, scores, time
  nlohmann::json recipe;  // the options that determine the result
};

// Writes `folder`/step-<n>.safetensors atomically, then removes all but the `kept` latest.
void save_snapshot(const std::filesystem::path& folder, const TrainSnapshot& snapshot, int kept);

// The latest readable snapshot, with a sentence in `notes` for each unreadable one; empty if there
// is none.
std::optional<TrainSnapshot> load_latest_snapshot(const std::filesystem::path& folder,
                                                  std::vector<std::string>& notes);

// Whether a run has left snapshots here.
bool has_snapshots(const std::filesystem::path& folder);

}  // namespace parallax
