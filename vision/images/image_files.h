// Enumerates image files, one at a time, from files, folders, tar archives, globs and lists.
#pragma once

#include <filesystem>
#include <istream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/io/input_file.h"
#include "vision/images/class_labels.h"

namespace parallax {

// One image file found, with the classes that its folder or a file of labels gives it.
struct ImageFile {
  std::filesystem::path path;     // of an image in a tar archive: ARCHIVE/NAME, which is no file
  std::filesystem::path archive;  // that holds it; empty: it is a file of its own
  ByteRange part;                 // of the archive
  std::string error;              // why it is already known to be unreadable; else empty
  std::optional<int> truth;       // the class it shows, if known
  std::vector<int> also_right;    // further classes that count as right, as ImageNet-ReaL has them
};

// Where ImageFiles looks.
struct ImageFilesOptions {
  std::vector<std::string> paths;  // files, folders and globs
  std::istream* list = nullptr;    // more of them, one per line
  const ClassLabels* labels = nullptr;
  std::filesystem::path
      truth_file;                  // labels of the images; empty: one beside them, if there is one
  std::filesystem::path excluded;  // a folder not to enter: where results go
  bool archives = false;           // whether tar archives are entered
};

// What a walk found and did not take.
struct PassedOver {
  std::map<std::string, int64_t> pictures;  // that cannot be read, by kind: "HEIC"
  int64_t other_files = 0;
  std::set<std::string> tool_folders;  // names of folders not entered, see is_tool_folder
  std::vector<std::string> loops;      // links that lead back into a folder being walked
};

// "3 HEIC pictures and 1 SVG picture", or "".
std::string describe_pictures(const PassedOver& passed_over);

// Walks folders recursively, in the order of names, following links but never in circles. Within a
// folder only files with an image extension count; a file named by the user always does, but for
// macOS's companions of files. Folders of tools are not entered. Holds one listing per level of the
// folder tree, however many images there are. A tar archive gives its images in their order, see
// TarSamples; a sample's .cls is its class where the user named no file of labels.
//
// An image's class comes from the file of labels that the options name. Without one it comes from
// the nearest enclosing folder, up to and including the named one, whose name is a WordNet id or a
// class name. In a named folder, or the only one in it, sub-folders' numbers are class indices,
// unless more of the sub-folders with images have other names or one has no class. Where folders
// give no class, a file of labels beside the images does, see TruthFinder.
class ImageFiles {
 public:
  // Throws Error if the file of labels cannot be used.
  explicit ImageFiles(ImageFilesOptions options);
  ~ImageFiles();
  ImageFiles(const ImageFiles&) = delete;
  ImageFiles& operator=(const ImageFiles&) = delete;

  // Empty after the last file.
  std::optional<ImageFile> next();

  // The following are about the files so far.
  const PassedOver& passed_over() const;
  int64_t known() const;  // images of known class
  // What the user should know: pictures and folders left out, where classes come from, names of
  // several classes. In sentences.
  std::vector<std::string> notes() const;

 private:
  struct Walk;
  std::unique_ptr<Walk> walk_;
};

// What one walk over all files finds.
struct ImageCount {
  int64_t images = 0;
  std::set<int> classes;  // that occur
};

// Not for lists, which can be read only once.
ImageCount count_image_files(ImageFilesOptions options);

}  // namespace parallax
