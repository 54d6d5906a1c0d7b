// Snapshots are safetensors files that hold everything but tensors in their metadata.
#include "vision/train/train_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/base/paths.h"
#include "core/io/training_metadata.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "step-";
constexpr const char* kExtension = ".safetensors";

// Oldest first; the names contain step numbers with leading zeros.
std::vector<fs::path> list_snapshots(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && entry.path().extension() == kExtension) {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Removes the file that a killed process was writing.
void remove_unfinished(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(std::string(".") + kPrefix) && entry.path().extension() == ".tmp") {
      fs::remove(entry.path(), ignored);
    }
  }
}

TrainSnapshot read_snapshot(const fs::path& path) {
  Checkpoint checkpoint = load_checkpoint(path);
  const auto it = checkpoint.metadata.find(kTrainingMetadataKey);
  const nlohmann::json json = it == checkpoint.metadata.end()
                                  ? nlohmann::json()
                                  : nlohmann::json::parse(it->second, nullptr, false);
  if (!json.is_object() || !json.contains("steps_done") || !json.contains("facts") ||
      !json.contains("recipe") || !json.at("steps_done").is_number_integer()) {
    throw Error(
        ErrorParts{.what = "this is not a checkpoint of a training run", .where = path.string()});
  }
  return {.steps_done = json.at("steps_done"),
          .tensors = std::move(checkpoint.tensors),
          .facts = json.at("facts"),
          .recipe = json.at("recipe")};
}

}  // namespace

void save_snapshot(const fs::path& folder, const TrainSnapshot& snapshot, int kept) {
  create_folder(folder);
  Checkpoint checkpoint{.tensors = snapshot.tensors};
  checkpoint.metadata[kTrainingMetadataKey] = dump_json({{"steps_done", snapshot.steps_done},
                                                         {"facts", snapshot.facts},
                                                         {"recipe", snapshot.recipe}});
  save_safetensors(folder / fmt::format("{}{:012d}{}", kPrefix, snapshot.steps_done, kExtension),
                   checkpoint);
  remove_unfinished(folder);
  std::vector<fs::path> paths = list_snapshots(folder);
  std::error_code ignored;
  for (size_t i = 0; i + static_cast<size_t>(kept) < paths.size(); ++i) {
    fs::remove(paths[i], ignored);
  }
}

std::optional<TrainSnapshot> load_latest_snapshot(const fs::path& folder,
                                                  std::vector<std::string>& notes) {
  std::vector<fs::path> paths = list_snapshots(folder);
  for (auto it = paths.rbegin(); it != paths.rend(); ++it) {
    try {
      return read_snapshot(*it);
    } catch (const Error& error) {
      notes.push_back(std::string(error.what()) + " The previous checkpoint is used.");
    }
  }
  return std::nullopt;
}

bool has_snapshots(const fs::path& folder) { return !list_snapshots(folder).empty(); }

}  // namespace parallax
