// Checkpoints of a training run: everything that going on needs, the latest few kept.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/io/checkpoint.h"

namespace parallax {

struct TrainSnapshot {
  int64_t steps_done = 0;
  TensorMap tensors;      // weights, averages, optimiser state, each under a prefix
  nlohmann::json facts;   // counters, scores, time
  nlohmann::json recipe;  // the options that decide the result
};

// Writes `folder`/step-<n>.safetensors atomically, then removes all but the `kept` latest.
void save_snapshot(const std::filesystem::path& folder, const TrainSnapshot& snapshot, int kept);

// The latest snapshot that can be read, with a sentence in `notes` for each that cannot; nothing if
// there is none.
std::optional<TrainSnapshot> load_latest_snapshot(const std::filesystem::path& folder,
                                                  std::vector<std::string>& notes);

// Whether a run has left snapshots here.
bool has_snapshots(const std::filesystem::path& folder);

}  // namespace parallax
