// Several files in one input of the fuzzer: a scene is a folder.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parallax::fuzz {

// Makes or replaces a file, with the folders that it is in. Returns whether that was possible: a
// folder may have its name, or a file the name of its folder.
bool write_file(const std::filesystem::path& path, std::string_view content);

// A folder that holds what a bundle says and nothing else. A bundle is text of the form
//
//   === cameras.txt ===
//   1 PINHOLE 32 24 30 30 16 12
//   === images/a.png ===
//   @image
//
// where each file's content goes up to the next such line. "@image" stands for a PNG file of
// 32 × 24 pixels. Names that lead out of the folder are left out, as are files after the sixteenth.
class BundleFolder {
 public:
  explicit BundleFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Writes only files that differ from the bundle before: a fuzzer changes one of several. The
  // folder must not be changed by others.
  void unpack(std::string_view bundle);

 private:
  using Files = std::vector<std::pair<std::string, std::string_view>>;

  void start_over();
  void remove_all_but(const Files& files);

  std::filesystem::path folder_;
  std::map<std::string, std::string> files_;  // what the folder holds: contents by name
  bool is_known_ = false;                     // whether it is what `files_` says
};

}  // namespace parallax::fuzz
