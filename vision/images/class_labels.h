// Names of classes, and which class a folder's name denotes.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace parallax {

inline constexpr size_t kWordNetIdLength = 9;

// Whether the text is like "n01443537".
bool is_wordnet_id(const std::string& text);

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

  // The classes that a folder's or a file's word denotes: those with this WordNet id; else those
  // with this own name, the first of their synonyms or all of them; else those with this synonym. A
  // literal match goes before one that takes "_", "-" and blanks for equal and leaves out commas,
  // and that before one that ignores case. More than one class: the word is ambiguous.
  const std::vector<int>& matches(const std::string& id_or_name) const;

  // The one class that matches; empty if none or several do.
  std::optional<int> find(const std::string& id_or_name) const;

 private:
  std::vector<ClassLabel> labels_;
  std::unordered_map<std::string, std::vector<int>> by_key_;
};

// Reads lines of "n01443537<tab or space>goldfish" or of names alone; or JSON: a list of names or
// of [id, name], an object from index to either, or a Hub model's config.json, with `id2label` or
// timm's `label_names`. Throws Error naming the file and the line.
ClassLabels read_label_file(const std::filesystem::path& path);

// The same from JSON.
ClassLabels labels_from_json(const nlohmann::json& json, const std::string& where);

nlohmann::json labels_to_json(const ClassLabels& labels);

// ImageNet-1k's 1,000 classes, from the assets.
ClassLabels imagenet_labels();

// "class 0", "class 1", …
ClassLabels numbered_labels(int count);

}  // namespace parallax
