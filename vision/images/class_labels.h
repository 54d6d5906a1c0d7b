// Names of classes, and which class a folder's name means.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace parallax {

struct ClassLabel {
  std::string id;    // WordNet id, "n01443537"; may be empty
  std::string name;  // "goldfish, Carassius auratus"; synonyms are separated by commas
};

class ClassLabels {
 public:
  ClassLabels() = default;
  explicit ClassLabels(std::vector<ClassLabel> labels);

  int size() const { return static_cast<int>(labels_.size()); }
  const ClassLabel& operator[](int index) const { return labels_.at(static_cast<size_t>(index)); }

  // The first synonym.
  std::string short_name(int index) const;

  // The class with this WordNet id or with a synonym of this name, whatever its case, underscores
  // for spaces allowed. Nothing where no class or more than one has it.
  std::optional<int> find(const std::string& id_or_name) const;

 private:
  std::vector<ClassLabel> labels_;
  std::unordered_map<std::string, int> by_key_;  // −1: more than one class has this name
};

// "n01443537<tab or space>goldfish" a line, or names alone; or JSON: a list of names or of
// [id, name], or an object from index to either. Throws Error naming the file and the line.
ClassLabels read_label_file(const std::filesystem::path& path);

// The same from JSON.
ClassLabels labels_from_json(const nlohmann::json& json, const std::string& where);

nlohmann::json labels_to_json(const ClassLabels& labels);

// ImageNet-1k's 1,000 classes, from the assets.
ClassLabels imagenet_labels();

// "class 0", "class 1", …
ClassLabels numbered_labels(int count);

}  // namespace parallax
