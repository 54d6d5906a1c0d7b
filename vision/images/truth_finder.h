// Finds the files of labels that data sets keep beside their images.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vision/images/truth_file.h"

namespace parallax {

// Answers which classes an image shows, from a named file or from one beside the images.
class TruthFinder {
 public:
  // `named` is the file to use, or empty to look for one. Throws Error if the named one cannot be
  // read.
  TruthFinder(const ClassLabels& labels, const std::filesystem::path& named);

  // Whether the user named the file, which then goes before the names of folders.
  bool is_named() const { return named_ != nullptr; }

  // The classes of an image found by walking over `root`: by the named file, else by one in its
  // folder or above it. Up to the folder that holds `root` any table of two columns that has an
  // entry for the image counts; further up only files that data sets are known for, such as
  // LOC_val_solution.csv, which is four folders above its images. Several such tables of one folder
  // must agree; where there are dozens they are files per image, and none counts. nullopt if there
  // is none.
  std::optional<std::vector<int>> find(const std::filesystem::path& image,
                                       const std::filesystem::path& root);

  // Which files were used and what was wrong with those that were not, in sentences.
  std::vector<std::string> notes() const;

 private:
  struct Folder {
    std::vector<std::shared_ptr<const TruthFile>> known;   // by names that data sets are known for
    std::vector<std::shared_ptr<const TruthFile>> tables;  // others
  };
  const Folder& folder(const std::filesystem::path& path, bool with_tables);
  std::shared_ptr<const TruthFile> read(const std::filesystem::path& path, bool is_known);
  std::optional<std::vector<int>> find_in_tables(const Folder& folder,
                                                 const std::filesystem::path& image);

  const ClassLabels& labels_;
  std::shared_ptr<const TruthFile> named_;
  std::map<std::pair<std::filesystem::path, bool>, Folder> folders_;
  std::map<std::filesystem::path, std::shared_ptr<const TruthFile>> files_;
  std::set<std::filesystem::path> used_;
  std::vector<std::string> notes_;
};

// The file that labels the images of a folder for training: the known one, or the one table of two
// columns, beside the images. Empty if there is none or several.
std::filesystem::path find_truth_file(const std::filesystem::path& folder);

}  // namespace parallax
