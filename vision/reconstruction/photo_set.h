// Photographs of one scene in a folder, before anything is known of their cameras.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace parallax {

// Photographs that belong together.
struct PhotoSet {
  std::filesystem::path folder;
  std::vector<std::string> names;    // relative to the folder, in the order of names
  std::vector<std::string> blurred;  // of those that are left out
  // Of names, those whose EXIF describes another size (with_focal_plane_of() of core/image/exif.h).
  std::vector<std::string> resized;
  std::vector<std::string> notes;  // one sentence each
  bool has_one_size = true;
};

// How photographs are found.
struct PhotoSetOptions {
  std::filesystem::path excluded;  // a folder not to enter: where results go
  bool keeps_blurred = false;
  std::function<void(int, int)> on_photo;  // done, of all
  std::function<bool()> should_stop;       // asked per photograph; the rest is then not looked at
};

// The first three names, with an ellipsis if there are more.
std::string first_names(const std::vector<std::string>& names);

// All photographs of the folder and those below it, without the damaged and, where most are sharp,
// the blurred ones. Throws Error if the folder is missing or holds fewer than three.
PhotoSet find_photos(const std::filesystem::path& folder, const PhotoSetOptions& options);

}  // namespace parallax
