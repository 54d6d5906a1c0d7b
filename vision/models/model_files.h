// Model files of any kind: where they are stored, and the card that goes with the weights.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vision/models/published_models.h"

namespace parallax {

struct Checkpoint;

// The key of a safetensors file's metadata that holds the model's card, a JSON object.
inline constexpr const char* kCardMetadataKey = "parallax";

// Every bundled model file (assets/models) and every one of the user's, sorted.
std::vector<std::filesystem::path> model_files();

// A model as the user names it: [NAME=]PATH[#KEY] or [NAME=]known name.
struct ModelWord {
  std::string name;   // what to call it; empty: as its file or folder is called
  std::string where;  // a path or a known name
  std::string key;    // where in the file the weights are; empty: where they are found
};
ModelWord parse_model_word(const std::string& word);

// What tables call the model of that word whose weights are in `file`: its NAME, or the name of the
// folder where the word is one, as a run of training leaves it, else of the file; then the key.
std::string model_name(const ModelWord& word, const std::filesystem::path& file);

// The words with a NAME wherever two models would be called the same: their folders' names, with as
// many folders above as tell them apart, or a number behind the same file named again. Throws
// UsageError if two NAMEs of the user's are the same.
std::vector<std::string> with_distinct_names(const std::vector<std::string>& words);

// Whether a file is in the user's models folder, not bundled.
bool is_users_model(const std::filesystem::path& file);

// Finds a file by its path, a folder of training by its model.safetensors, or a bundled or user's
// model by its name. Throws UsageError listing what `known_names` returns.
std::filesystem::path find_model_file(const std::string& name_or_path,
                                      const std::function<std::vector<std::string>()>& known_names);

// Where a published model's file is. Throws UsageError naming the command that fetches it.
std::filesystem::path require_fetched(const PublishedModel& model);

// The card in the metadata, or in a .json file of the same name next to the weights. Throws Error
// if the card is not a JSON object.
std::optional<nlohmann::json> find_model_card(const std::filesystem::path& path,
                                              const Checkpoint& checkpoint);

}  // namespace parallax
