// The log of a training run in its folder: JSON Lines, a page that follows it live, a plot.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/files/append_file.h"

namespace parallax {

// Appends records to a run's log and keeps its page and plot up to date.
class TrainLog {
 public:
  // Opens `folder`/log.jsonl. Drops lines of steps beyond `steps_done` (left by a run that was cut
  // off after its last checkpoint) and half-written ones. Throws Error if the log cannot be
  // written.
  TrainLog(const std::filesystem::path& folder, std::string title, int64_t steps_done);

  // Appends a line; the page and the plot follow every few seconds.
  void add(const nlohmann::json& record);

  // Brings training.html and training.png up to date.
  void draw(bool finished);

 private:
  std::filesystem::path folder_;
  std::string title_;
  std::string provenance_;
  std::vector<nlohmann::json> records_;
  std::optional<AppendFile> file_;
  double drawn_at_ = -1;
};

}  // namespace parallax
