// Names of classes, and which class a folder's name denotes.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace parallax {

// The names of one class.
struct ClassLabel {
  std::string id;    // WordNet id, "n01443537"; may be empty
  std::string name;  // "goldfish, Carassius auratus"; synonyms are separated by commas
};

// The labels of a classifier's classes, by index and by name.
class ClassLabels {
 public:
  ClassLabels() = default;
  explicit ClassLabels(std::vector<ClassLabel> labels);

  int size() const { return static_cast<int>(labels_.size()); }
  const ClassLabel& operator[](int index) const { return labels_.at(static_cast<size_t>(index)); }

  // The first synonym.
  std::string short_name(int index) const;

  // The class with this WordNet id or with this name among its synonyms, ignoring case and allowing
  // underscores for spaces. Empty unless exactly one class matches.
  std::optional<int> find(const std::string& id_or_name) const;

 private:
  std::vector<ClassLabel> labels_;
  std::unordered_map<std::string, int> by_key_;  // −1: more than one class has this name
};

// Reads lines of "n01443537<tab or space>goldfish" or of names alone; or JSON: a list of names or
// of [id, name], or an object from index to either. Throws Error naming the file and the line.
ClassLabels read_label_file(const std::filesystem::path& path);

// The same from JSON.
ClassLabels labels_from_json(const nlohmann::json& json, const std::string& where);

nlohmann::json labels_to_json(const ClassLabels& labels);

// ImageNet-1k's 1,000 classes, from the assets.
ClassLabels imagenet_labels();

// "class 0", "class 1", …
ClassLabels numbered_labels(int count);

}  // namespace parallax
