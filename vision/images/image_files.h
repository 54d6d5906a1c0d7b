// Enumerates image files, one at a time, from files, folders, globs and lists.
#pragma once

#include <filesystem>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vision/images/class_labels.h"

namespace parallax {

// One image file found, with the class that its folder implies.
struct ImageFile {
  std::filesystem::path path;
  std::string error;         // why it is already known to be unreadable; else empty
  std::optional<int> truth;  // the class that an enclosing folder's name denotes
};

// Where ImageFiles looks.
struct ImageFilesOptions {
  std::vector<std::string> paths;  // files, folders and globs
  std::istream* list = nullptr;    // more of them, one per line
  const ClassLabels* labels = nullptr;
  std::filesystem::path excluded;  // a folder not to enter: where results go
};

// Walks folders recursively, in the order of names, following links but never in circles. Within a
// folder only files with an image extension count; a file named by the user always does. Holds one
// listing per level of the folder tree, however many images there are.
//
// An image's class comes from the nearest enclosing folder, up to and including the named one,
// whose name is a WordNet id or a class name. If no sub-folder of a named folder has such a name
// and all of them are numbers, these are class indices.
class ImageFiles {
 public:
  explicit ImageFiles(ImageFilesOptions options);
  ~ImageFiles();
  ImageFiles(const ImageFiles&) = delete;
  ImageFiles& operator=(const ImageFiles&) = delete;

  // Empty after the last file.
  std::optional<ImageFile> next();

  // Files in folders skipped so far for lack of an image extension.
  int64_t skipped() const;
  // Links found so far that lead back into a folder being walked.
  const std::vector<std::string>& loops() const;

 private:
  struct Walk;
  std::unique_ptr<Walk> walk_;
};

// Counts the files by walking over them once. Not for lists, which can be read only once.
int64_t count_image_files(ImageFilesOptions options);

}  // namespace parallax
