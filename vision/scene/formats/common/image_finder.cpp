// The places and spellings that are tried, in order.
#include "vision/scene/formats/common/image_finder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "core/base/error.h"
#include "core/image/image_format.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr std::array kPhotographExtensions =
    {"", ".png", ".jpg", ".jpeg", ".JPG", ".PNG", ".JPEG", ".tif", ".TIF", ".tiff", ".webp"};
// What may stand in for the folder `images`: the same photographs under another name (3D Gaussian
// splatting's converter), or scaled down (mip-NeRF 360, DL3DV, nerfstudio).
constexpr std::array kStandIns = {"input", "images_2", "images_4", "images_8"};
constexpr size_t kMostFilesSearched = 20000;

bool is_file(const fs::path& path) {
  std::error_code ignored;  // a name too long or a folder without permission counts as missing
  return fs::is_regular_file(path, ignored);
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return text;
}

// The path with its component `images` renamed; empty if it has none.
fs::path with_images_renamed(const fs::path& path, const char* name) {
  fs::path renamed;
  bool found = false;
  for (const fs::path& part : path) {
    const bool images = !found && part == "images";
    found = found || images;
    renamed /= images ? fs::path(name) : part;
  }
  return found ? renamed : fs::path();
}

fs::path without_first_component(const fs::path& path) {
  fs::path rest;
  for (auto part = path.begin(); part != path.end(); ++part) {
    if (part != path.begin()) {
      rest /= *part;
    }
  }
  return rest;
}

std::string with_slashes(std::string name) {
  std::replace(name.begin(), name.end(), '\\', '/');
  return name;
}

}  // namespace

std::string existing_end(const fs::path& path, const std::vector<fs::path>& folders) {
  for (auto first = path.begin(); first != path.end(); ++first) {
    fs::path end;
    for (auto part = first; part != path.end(); ++part) {
      end /= *part;
    }
    for (const fs::path& folder : folders) {
      if (end.is_relative() && is_file(folder / end)) {
        return end.string();
      }
    }
  }
  return path.string();
}

std::string name_on_this_machine(const std::string& name, const std::vector<fs::path>& folders) {
  const std::string slashes = with_slashes(name);
  const bool has_drive = slashes.size() > 2 &&
                         std::isalpha(static_cast<unsigned char>(slashes[0])) != 0 &&
                         slashes[1] == ':' && slashes[2] == '/';
  const bool is_elsewhere = has_drive || (slashes.starts_with('/') && !is_file(slashes));
  return is_elsewhere ? existing_end(slashes, folders) : slashes;
}

ImageFinder::ImageFinder(std::vector<fs::path> folders, const SceneOptions& options)
    : folders_(std::move(folders)) {
  if (options.image_folder == SceneOptions().image_folder) {
    return;
  }
  for (const fs::path& folder : folders_) {
    std::error_code ignored;
    const fs::path place = (folder / options.image_folder).lexically_normal();
    if (fs::is_directory(place, ignored)) {
      chosen_ = place;
      return;
    }
  }
  throw Error(
      ErrorParts{.what = fmt::format("the folder of images '{}' is missing", options.image_folder),
                 .where = folders_.empty() ? "" : folders_.front().string()});
}

ImageFinder ImageFinder::in_images_of(const std::vector<fs::path>& folders,
                                      const SceneOptions& options) {
  if (options.image_folder != SceneOptions().image_folder) {
    return ImageFinder(folders, options);
  }
  std::vector<fs::path> places;
  for (const fs::path& folder : folders) {
    places.push_back(folder / options.image_folder);
  }
  places.insert(places.end(), folders.begin(), folders.end());
  return ImageFinder(places, options);
}

std::vector<fs::path> ImageFinder::candidates(const std::string& name) const {
  const fs::path path = fs::path(name).lexically_normal();
  if (!chosen_.empty()) {
    return {chosen_ / path, chosen_ / without_first_component(path), chosen_ / path.filename()};
  }
  std::vector<fs::path> places;
  for (const fs::path& folder : folders_) {
    places.push_back((folder / path).lexically_normal());
  }
  for (const char* stand_in : kStandIns) {
    for (size_t i = 0; i < folders_.size(); ++i) {
      if (const fs::path renamed = with_images_renamed(places[i], stand_in); !renamed.empty()) {
        places.push_back(renamed);
      }
    }
  }
  return places;
}

// The path with the file name as its folder spells it, if that differs by capital letters alone;
// else empty.
fs::path ImageFinder::other_case(const fs::path& path) {
  const fs::path folder = path.parent_path();
  auto found = listings_.find(folder);
  if (found == listings_.end()) {
    found = listings_.emplace(folder, std::map<std::string, std::string>()).first;
    std::error_code error;
    for (auto entry = fs::directory_iterator(folder, error);
         !error && entry != fs::directory_iterator();
         entry.increment(error)) {
      const std::string file = entry->path().filename().string();
      found->second.emplace(lower_case(file), file);
    }
  }
  const auto spelled = found->second.find(lower_case(path.filename().string()));
  return spelled == found->second.end() ? fs::path() : folder / spelled->second;
}

fs::path ImageFinder::find(const std::string& name, const std::string& where) {
  const std::string slashes = with_slashes(name);
  const std::vector<fs::path> places =
      candidates(is_file(folders_.front() / name) ? name : slashes);
  const auto found_at = [&](size_t index, const fs::path& path) {
    if (chosen_.empty() && index >= folders_.size() && replaced_by_.empty()) {
      replaced_by_ = path.parent_path().string();
    }
    return path;
  };
  for (size_t i = 0; i < places.size(); ++i) {
    for (const char* extension : kPhotographExtensions) {
      const fs::path candidate = places[i].string() + extension;
      if (is_file(candidate)) {
        return found_at(i, candidate);
      }
    }
  }
  for (size_t i = 0; i < places.size(); ++i) {
    const fs::path candidate = other_case(places[i]);
    if (!candidate.empty() && is_file(candidate)) {
      return found_at(i, candidate);
    }
  }
  throw Error(ErrorParts{.what = "the image file is missing",
                         .where = where,
                         .expected = places.front().string(),
                         .remedy = elsewhere(slashes)});
}

// Where a file of that name is, below the folders that were looked in.
std::string ImageFinder::elsewhere(const std::string& name) const {
  const fs::path wanted = fs::path(name).filename();
  std::vector<std::string> looked;
  for (const fs::path& folder : folders_) {
    looked.push_back(folder.string());
  }
  size_t seen = 0;
  for (const fs::path& folder : folders_) {
    std::error_code error;
    for (auto entry = fs::recursive_directory_iterator(
             folder, fs::directory_options::skip_permission_denied, error);
         !error && entry != fs::recursive_directory_iterator() && seen < kMostFilesSearched;
         entry.increment(error), ++seen) {
      const bool is_wanted = entry->path().filename() == wanted ||
                             (!wanted.has_extension() && entry->path().stem() == wanted &&
                              has_image_extension(entry->path()));
      if (is_wanted && is_file(entry->path())) {
        return fmt::format("{} is in {}; name that folder with --image-folder.",
                           entry->path().filename().string(),
                           entry->path().parent_path().string());
      }
    }
  }
  return fmt::format("Looked in {}.", fmt::join(looked, ", "));
}

void ImageFinder::note_replaced_folder(Scene& scene) const {
  if (!replaced_by_.empty()) {
    scene.notes.push_back(fmt::format(
        "The photographs are read from {}, as there is no folder 'images' that has them.",
        replaced_by_));
  }
}

}  // namespace parallax
