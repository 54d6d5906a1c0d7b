// Model files of any kind: where they lie, and the card that goes with the weights.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"

namespace parallax {

// Under this key of a safetensors file's metadata lies the model's card, a JSON object.
inline constexpr const char* kCardMetadataKey = "parallax";

// Every model file bundled (assets/models) and of the user's, sorted.
std::vector<std::filesystem::path> model_files();

// A file by its path, or a bundled or user's model by its name. Throws UsageError listing what
// `known_names` gives.
std::filesystem::path find_model_file(const std::string& name_or_path,
                                      const std::function<std::vector<std::string>()>& known_names);

// The card in the metadata, or in a .json file of the same name beside the weights. Throws Error
// when there is one that is no JSON object.
std::optional<nlohmann::json> find_model_card(const std::filesystem::path& path,
                                              const Checkpoint& checkpoint);

}  // namespace parallax
