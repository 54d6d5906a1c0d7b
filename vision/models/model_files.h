// Model files of any kind: where they are stored, and the card that goes with the weights.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"
#include "vision/models/published_models.h"

namespace parallax {

// The key of a safetensors file's metadata that holds the model's card, a JSON object.
inline constexpr const char* kCardMetadataKey = "parallax";

// Every bundled model file (assets/models) and every one of the user's, sorted.
std::vector<std::filesystem::path> model_files();

// Finds a file by its path, or a bundled or user's model by its name. Throws UsageError listing
// what `known_names` returns.
std::filesystem::path find_model_file(const std::string& name_or_path,
                                      const std::function<std::vector<std::string>()>& known_names);

// Where a published model's file is. Throws UsageError naming the command that fetches it.
std::filesystem::path require_fetched(const PublishedModel& model);

// The card in the metadata, or in a .json file of the same name next to the weights. Throws Error
// if the card is not a JSON object.
std::optional<nlohmann::json> find_model_card(const std::filesystem::path& path,
                                              const Checkpoint& checkpoint);

}  // namespace parallax
