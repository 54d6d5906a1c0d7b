// Which class of a model the name of an image's folder means.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vision/images/class_labels.h"

namespace parallax {

// Reads folders' names as classes, and remembers what the user should know of them.
class FolderClasses {
 public:
  // No labels: names mean nothing. They must outlive this.
  explicit FolderClasses(const ClassLabels* labels) : labels_(labels) {}

  bool names_count() const { return labels_ != nullptr; }
  // The class whose WordNet id or name the folder has; nullopt for those of several classes.
  std::optional<int> of(const std::filesystem::path& folder);
  // The class of a file that is named by itself, in that folder: the folder's own, else that of the
  // nearest folder above it that is named by a WordNet id (Tiny-ImageNet's n01443537/images). Names
  // above the file's own folder may be of anything, such as a user called jay.
  std::optional<int> of_or_above(const std::filesystem::path& folder);
  // Whether the names of these sub-folders of one folder are class indices: unless more of those
  // with images have other names, or one has no class.
  bool are_indices(const std::vector<std::filesystem::path>& folders);

  // Names of several classes, and how numbers were taken. In sentences.
  const std::set<std::string>& notes() const { return notes_; }

 private:
  const ClassLabels* labels_;
  std::set<std::string> notes_;
};

}  // namespace parallax
