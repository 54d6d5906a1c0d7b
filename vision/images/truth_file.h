// A file that says which classes images show, for the classes of one model.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/error.h"
#include "vision/images/class_labels.h"
#include "vision/images/truth_table.h"

namespace parallax {

// A table's numbers are not the model's class indices: one of them is beyond these, so that all
// may count from 1, or number another list.
class ForeignNumbersError : public Error {
 public:
  using Error::Error;
};

// The file's entries by image.
class TruthFile {
 public:
  // Numbers are class indices, unless classes have such names. Throws Error if no entry denotes a
  // class, ForeignNumbersError if there are numbers alone and one is no index.
  TruthFile(TruthTable table, const ClassLabels& labels);

  // The classes of an image, any of which is right; empty if its entry has none, or none that the
  // model knows. nullopt if the file has no entry for it, or several that contradict each other. An
  // entry is the image's whose path, with or without extension, ends as the image's does, up to the
  // file's own folder.
  std::optional<std::vector<int>> find(const std::filesystem::path& image) const;

  const std::filesystem::path& path() const { return path_; }
  int columns() const { return columns_; }
  // What is odd about the file, in sentences: words that denote no class or several.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Entry {
    std::filesystem::path image;
    std::vector<int> classes;
  };
  void resolve(const TruthTable& table, const ClassLabels& labels);

  std::filesystem::path path_;
  std::filesystem::path folder_;  // absolute
  bool by_position_ = false;
  int columns_ = 2;
  std::vector<Entry> entries_;
  std::unordered_multimap<std::string, size_t> by_name_;  // last part, lower case, no extension
  std::vector<std::string> notes_;
};

// The classes that a file of labels names, each once, in the order of their words, for data without
// a model: WordNet ids of ImageNet also get the class names.
ClassLabels labels_of_truth_table(const TruthTable& table);

// Labels of these words, in their order.
ClassLabels labels_of_words(const std::vector<std::string>& words);

}  // namespace parallax
