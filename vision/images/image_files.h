// Image files, one after the other, from files, folders, globs and lists.
#pragma once

#include <filesystem>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vision/images/class_labels.h"

namespace parallax {

struct ImageFile {
  std::filesystem::path path;
  std::string error;         // why it can already be said not to be readable; else empty
  std::optional<int> truth;  // the class that an enclosing folder's name means
};

struct ImageFilesOptions {
  std::vector<std::string> paths;  // files, folders and globs
  std::istream* list = nullptr;    // more of them, one a line
  const ClassLabels* labels = nullptr;
  std::filesystem::path excluded;  // a folder that is not entered: where results go
};

// Folders are walked recursively, in the order of names, links followed but never in circles. In a
// folder, files with an image's extension count; a file named by the user always does. Holds one
// listing a level of the folder tree, however many images there are.
//
// A class is the nearest enclosing folder, inside the named one or that itself, whose name is a
// WordNet id or a class name; where no sub-folder of a named folder is and all are numbers, these
// are class indices.
class ImageFiles {
 public:
  explicit ImageFiles(ImageFilesOptions options);
  ~ImageFiles();
  ImageFiles(const ImageFiles&) = delete;
  ImageFiles& operator=(const ImageFiles&) = delete;

  // Nothing: that was all.
  std::optional<ImageFile> next();

  // Files in folders that have no image's extension, so far.
  int64_t skipped() const;
  // Links that lead back into a folder being walked, so far.
  const std::vector<std::string>& loops() const;

 private:
  struct Walk;
  std::unique_ptr<Walk> walk_;
};

// Whether the extension is one of an image, whatever its case.
bool has_image_extension(const std::filesystem::path& path);

// How many there are, by walking over them once. Not for lists, which can be read only once.
int64_t count_image_files(ImageFilesOptions options);

}  // namespace parallax
