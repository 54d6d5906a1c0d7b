// Walks a folder, reads every photograph once.
#include "vision/reconstruction/photo_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/base/lower_case.h"
#include "core/image/exif.h"
#include "core/image/image.h"
#include "vision/images/image_files.h"
#include "vision/reconstruction/sharpness.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr int kFewestPhotos = 3;

// A photograph is left out where its blur effect exceeds both: sharp photographs of one scene
// differ by less than the first from their median, and smooth but sharp ones stay below the second.
constexpr double kBlurAboveMedian = 0.12;
constexpr double kBlurAtLeast = 0.4;

constexpr const char* kOtherFormats[] =
    {".heic", ".heif", ".avif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"};

struct Photo {
  std::string name;
  cv::Size size;
  double blur = 0;
  bool is_resized = false;  // and EXIF says otherwise
};

// Whether the path goes through a hidden file or folder, such as previews that systems keep.
bool is_hidden(const fs::path& relative) {
  return std::any_of(relative.begin(), relative.end(), [](const fs::path& part) {
    const std::string name = part.string();
    return name[0] == '.' || name[0] == '@' || name == "__MACOSX";
  });
}

// Whether the file is of a format that cameras write and COLMAP does not read.
bool is_of_other_format(const fs::path& path) {
  const std::string extension = lower_case(path.extension().string());
  return std::find(std::begin(kOtherFormats), std::end(kOtherFormats), extension) !=
         std::end(kOtherFormats);
}

std::vector<std::string> photo_names(const fs::path& folder, const fs::path& excluded) {
  ImageFiles files({.paths = {folder.string()}, .excluded = excluded});
  std::vector<std::string> names;
  while (const std::optional<ImageFile> file = files.next()) {
    const fs::path relative = file->path.lexically_relative(folder);
    if (!is_hidden(relative) && !is_of_other_format(relative)) {
      names.push_back(relative.string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The photographs of formats that COLMAP does not read.
std::vector<std::string> unreadable_formats(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const fs::path relative = it->path().lexically_relative(folder);
    if (is_of_other_format(relative) && !is_hidden(relative)) {
      names.push_back(relative.string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The names whose photographs are blurred as their fellows are not.
std::vector<std::string> blurred_among(const std::vector<Photo>& photos) {
  std::vector<double> effects;
  for (const Photo& photo : photos) {
    effects.push_back(photo.blur);
  }
  std::nth_element(effects.begin(),
                   effects.begin() + static_cast<std::ptrdiff_t>(effects.size() / 2),
                   effects.end());
  const double limit = std::max(effects[effects.size() / 2] + kBlurAboveMedian, kBlurAtLeast);
  std::vector<std::string> names;
  for (const Photo& photo : photos) {
    if (photo.blur > limit) {
      names.push_back(photo.name);
    }
  }
  return names;
}

}  // namespace

std::string first_names(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 3); ++i) {
    list += (i == 0 ? "" : ", ") + names[i];
  }
  return list + (names.size() > 3 ? ", …" : "");
}

PhotoSet find_photos(const fs::path& folder, const PhotoSetOptions& options) {
  if (!fs::is_directory(folder)) {
    throw Error(
        ErrorParts{.what = "there is no such folder of photographs", .where = folder.string()});
  }
  const std::vector<std::string> names = photo_names(folder, options.excluded);
  std::vector<Photo> photos;
  std::vector<std::string> unreadable;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (options.should_stop && options.should_stop()) {
      break;
    }
    try {
      const std::string bytes = read_image_bytes(folder / names[i]);
      const cv::Mat image = decode_stored_image(bytes, (folder / names[i]).string()).pixels;
      const bool is_resized = with_focal_plane_of(bytes, image.size()).has_value();
      photos.push_back({names[i], image.size(), blur_effect(image), is_resized});
    } catch (const Error& error) {
      unreadable.push_back(fmt::format("{} ({})", names[i], error.what()));
    }
    if (options.on_photo) {
      options.on_photo(static_cast<int>(i + 1), static_cast<int>(names.size()));
    }
  }
  PhotoSet set{.folder = folder};
  if (const std::vector<std::string> others = unreadable_formats(folder); !others.empty()) {
    set.notes.push_back(
        fmt::format("{} photographs are of formats that are not read (convert them to JPEG): {}",
                    others.size(),
                    first_names(others)));
  }
  if (!unreadable.empty()) {
    set.notes.push_back(fmt::format("{} of {} photographs cannot be read: {}",
                                    unreadable.size(),
                                    names.size(),
                                    first_names(unreadable)));
  }
  if (!options.keeps_blurred && !photos.empty()) {
    set.blurred = blurred_among(photos);
  }
  if (!set.blurred.empty()) {
    set.notes.push_back(
        fmt::format("{} of {} photographs are left out because they are blurred: {}",
                    set.blurred.size(),
                    names.size(),
                    first_names(set.blurred)));
  }
  for (const Photo& photo : photos) {
    if (std::find(set.blurred.begin(), set.blurred.end(), photo.name) == set.blurred.end()) {
      set.names.push_back(photo.name);
      if (photo.is_resized) {
        set.resized.push_back(photo.name);
      }
      set.has_one_size = set.has_one_size && photo.size == photos.front().size;
    }
  }
  if (!set.resized.empty()) {
    set.notes.push_back(fmt::format(
        "{} of {} photographs were resized, and their EXIF data describe the originals' "
        "focal planes; COLMAP is given copies that describe their own: {}",
        set.resized.size(),
        set.names.size(),
        first_names(set.resized)));
  }
  const bool looked_at_all = photos.size() + unreadable.size() == names.size();
  if (looked_at_all && static_cast<int>(set.names.size()) < kFewestPhotos) {
    throw Error(ErrorParts{
        .what = "there are too few photographs",
        .where = folder.string(),
        .expected = fmt::format("at least {}; 20 or more that overlap are better", kFewestPhotos),
        .got = fmt::format("{}{}{}",
                           set.names.size(),
                           set.notes.empty() ? "" : "; ",
                           set.notes.empty() ? "" : set.notes.front())});
  }
  return set;
}

}  // namespace parallax
