// What `parallax info` says of a checkpoint.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace parallax {

// What was found out about a file or folder.
struct Finding {
  std::string text;  // for people to read
  nlohmann::json json;
  bool sound = true;
};

// What is asked about a checkpoint.
struct CheckpointQuestion {
  bool all_tensors = false;  // list every one
  std::string key;           // where in the file the weights are; empty: where they fit
};

// Reads all tensors and, of a model, loads it. Throws Error if it cannot be read.
Finding describe_checkpoint(const std::filesystem::path& path, const CheckpointQuestion& question);

}  // namespace parallax
