// The places and spellings that are tried, in order.
#include "vision/scene/formats/common/image_finder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "core/base/error.h"
#include "core/image/image_extension.h"
#include "core/image/image_format.h"
#include "core/image/image_header.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// Extensions that names may lack or that photographs were converted to. A PNG image beside a JPEG
// one of the same name is mostly its mask.
constexpr std::array kExtensions =
    {".jpg", ".jpeg", ".JPG", ".JPEG", ".png", ".PNG", ".tif", ".TIF", ".tiff", ".webp"};
// What may stand in for the folder `images`: the same photographs under another name (3D Gaussian
// splatting's converter), or scaled down (mip-NeRF 360, DL3DV, nerfstudio).
constexpr std::array kStandIns = {"input", "images_2", "images_4", "images_8"};
constexpr size_t kMostFilesSearched = 20000;
constexpr size_t kLongestName = 4096;  // of a path, in Linux

bool is_file(const fs::path& path) {
  std::error_code ignored;  // a name too long or a folder without permission counts as missing
  return fs::is_regular_file(path, ignored);
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

// N of a folder images_N; 0 for any other.
int downscale_factor(const fs::path& folder) {
  constexpr std::string_view kPrefix = "images_";
  const std::string name = folder.string();
  int factor = 0;
  const char* end = name.data() + name.size();
  const bool is_one = name.starts_with(kPrefix) &&
                      std::from_chars(name.data() + kPrefix.size(), end, factor).ptr == end;
  return is_one && factor >= 1 && factor <= 64 ? factor : 0;
}

// Without folders, of this system or another.
std::string file_name_of(const std::string& name) {
  return name.substr(name.find_last_of("/\\") + 1);
}

bool has_part(const fs::path& path, const fs::path& part) {
  return std::find(path.begin(), path.end(), part) != path.end();
}

// Of another machine: "/home/me/x.png", "C:/x.png".
bool is_absolute_somewhere(const std::string& path) {
  return path.starts_with('/') || (path.size() > 2 && path[1] == ':' && path[2] == '/');
}

}  // namespace

ImageFinder::ImageFinder(std::vector<fs::path> folders, const SceneOptions& options)
    : folders_(std::move(folders)) {
  if (options.image_folder.empty()) {
    return;
  }
  for (const fs::path& folder : folders_) {
    const fs::path place = (folder / options.image_folder).lexically_normal();
    if (listings_.is_folder(place)) {
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
  if (!options.image_folder.empty()) {
    return ImageFinder(folders, options);
  }
  std::vector<fs::path> places;
  for (const fs::path& folder : folders) {
    places.push_back(folder / "images");
  }
  places.insert(places.end(), folders.begin(), folders.end());
  return ImageFinder(places, options);
}

const std::vector<ImageFinder::Place>& ImageFinder::places() {
  if (places_) {
    return *places_;
  }
  places_.emplace();
  const auto add = [&](const Place& place) {
    if (!listings_.find(place.folder.parent_path(), place.folder.filename()).empty()) {
      places_->push_back(place);
    }
  };
  for (const fs::path& folder : folders_) {
    add(Place{folder});
  }
  for (const char* stand_in : kStandIns) {
    for (const fs::path& folder : folders_) {
      const fs::path renamed = with_images_renamed(folder, stand_in);
      add(renamed.empty() ? Place{folder, stand_in, false} : Place{renamed, stand_in, true});
    }
  }
  return *places_;
}

std::vector<ImageFinder::Candidate> ImageFinder::candidates(const std::string& name) {
  const fs::path path = fs::path(name).lexically_normal();
  if (!chosen_.empty()) {
    return {{chosen_, path},
            {chosen_, without_first_component(path), false, true},
            {chosen_, path.filename(), false, true}};
  }
  std::vector<Candidate> candidates;
  for (const Place& place : places()) {
    if (place.stand_in == nullptr || place.is_renamed) {
      candidates.push_back({place.folder, path, place.is_renamed});
    } else if (fs::path renamed = with_images_renamed(path, place.stand_in); !renamed.empty()) {
      candidates.push_back({place.folder, renamed, true});
    }
  }
  return candidates;
}

// The file whose path is this one and an extension; empty if there is none. By the folder's list:
// asking for each of thousands of names in ten spellings takes minutes over a network.
fs::path ImageFinder::with_an_extension(const fs::path& path) {
  const std::unordered_set<std::string>& names = listings_.names(path.parent_path());
  for (const char* extension : kExtensions) {
    if (!names.contains(path.filename().string() + extension)) {
      continue;
    }
    if (fs::path file = path.string() + extension; is_file(file)) {
      return file;
    }
  }
  return {};
}

std::optional<fs::path> ImageFinder::find_as_written(const std::vector<Candidate>& places) {
  for (const Candidate& place : places) {
    const fs::path written = (place.folder / place.path).lexically_normal();
    const fs::path file = is_file(written) ? written : with_an_extension(written);
    if (!file.empty()) {
      if (place.is_stand_in && replaced_by_.empty()) {
        replaced_by_ = file.parent_path();
      }
      is_guess_ = place.is_guess;
      return file;
    }
  }
  return std::nullopt;
}

// The path with the names of its file and folders as the folders spell them.
std::optional<fs::path> ImageFinder::find_in_other_case(const std::vector<Candidate>& places) {
  for (const Candidate& place : places) {
    const fs::path base = place.folder.parent_path();
    const fs::path file = listings_.find(base, place.folder.filename() / place.path);
    if (!file.empty() && is_file(file)) {
      is_guess_ = true;
      return file;
    }
  }
  return std::nullopt;
}

std::optional<fs::path> ImageFinder::find_with_extension(const std::vector<Candidate>& places) {
  for (const Candidate& place : places) {
    if (!place.path.has_extension()) {
      return std::nullopt;
    }
    const fs::path written = (place.folder / place.path).lexically_normal();
    const fs::path file = with_an_extension(fs::path(written).replace_extension());
    if (!file.empty()) {
      other_extension_ = other_extension_.empty() ? file : other_extension_;
      if (place.is_stand_in && replaced_by_.empty()) {
        replaced_by_ = file.parent_path();
      }
      is_guess_ = true;
      return file;
    }
  }
  return std::nullopt;
}

// The longest end of the path that names a file below one of the folders, or below the user's.
std::optional<fs::path> ImageFinder::find_end(const fs::path& path) const {
  const std::vector<fs::path> folders = chosen_.empty() ? folders_ : std::vector{chosen_};
  const std::string text = path.string();
  for (size_t slash = text.find('/'); slash != std::string::npos;
       slash = text.find('/', slash + 1)) {
    for (const fs::path& folder : folders) {
      const std::string end = text.substr(slash + 1);
      if (!end.empty() && is_file(folder / end)) {
        return folder / end;
      }
    }
  }
  return std::nullopt;
}

// The file, now taken by the name.
fs::path ImageFinder::taken(const std::string& name,
                            const fs::path& file,
                            bool is_guess,
                            const std::string& where) {
  const auto alike = expected_.find(file_name_of(name));
  if (is_guess && alike != expected_.end() && alike->second > 1) {
    throw Error(
        ErrorParts{.what = "the image file is missing",
                   .where = where,
                   .expected = name,
                   .got = fmt::format("{}, which may be that of another of {} files called so",
                                      file.string(),
                                      alike->second)});
  }
  const auto [owner, is_new] = names_.emplace(file, name);
  if (!is_new && is_guess && owner->second != name) {
    throw Error(ErrorParts{
        .what = "the image file is missing",
        .where = where,
        .expected = name,
        .got = fmt::format("{}, which is that of '{}' already", file.string(), owner->second)});
  }
  return file;
}

void ImageFinder::expect(const std::vector<std::string>& names) {
  for (const std::string& name : std::set<std::string>(names.begin(), names.end())) {
    expected_[file_name_of(name)] += 1;
  }
}

fs::path ImageFinder::find(const std::string& name, const std::string& where) {
  if (name.size() > kLongestName) {  // no system has such files, and each place takes its time
    throw Error(ErrorParts{.what = "the image file is missing",
                           .where = where,
                           .expected = name.substr(0, 60) + "…",
                           .remedy = fmt::format("The name has {} bytes.", name.size())});
  }
  std::string slashes = name;
  std::replace(slashes.begin(), slashes.end(), '\\', '/');
  const std::string& used = is_file(folders_.front() / name) ? name : slashes;
  for (size_t i = 0; chosen_.empty() && i < folders_.size(); ++i) {
    if (const fs::path file = (folders_[i] / used).lexically_normal(); is_file(file)) {
      return taken(name, file, false, where);
    }
  }
  const std::vector<Candidate> places = candidates(used);
  is_guess_ = false;
  std::optional<fs::path> file = find_as_written(places);
  if (!file && (beginnings_ignored_ || is_absolute_somewhere(used))) {
    file = find_end(fs::path(used).lexically_normal());
    is_guess_ = true;
  }
  if (!file) {
    file = find_in_other_case(places);
  }
  if (!file) {
    file = find_with_extension(places);
  }
  if (!file) {
    throw Error(
        ErrorParts{.what = "the image file is missing",
                   .where = where,
                   .expected = ((chosen_.empty() ? folders_.front() : chosen_) / used).string(),
                   .remedy = elsewhere(used, places)});
  }
  return taken(name, *file, is_guess_, where);
}

cv::Size ImageFinder::full_size(const std::string& name, const fs::path& file) {
  const cv::Size size = image_file_size(file);
  for (const fs::path& part : file.parent_path()) {
    const int factor = downscale_factor(part);
    if (factor > 0 && !has_part(name, part)) {
      return size * factor;
    }
  }
  return size;
}

// The folders looked in, and where a file of that name is below them.
std::string ImageFinder::elsewhere(const std::string& name, const std::vector<Candidate>& places) {
  std::vector<std::string> looked;
  for (const Candidate& place : places) {
    const std::string folder =
        (place.folder / place.path).lexically_normal().parent_path().string();
    if (listings_.is_folder(folder) &&
        std::find(looked.begin(), looked.end(), folder) == looked.end()) {
      looked.push_back(folder);
    }
  }
  if (below_.empty()) {
    size_t seen = 0;
    for (const fs::path& folder : folders_) {
      std::error_code error;
      for (auto entry = fs::recursive_directory_iterator(
               folder, fs::directory_options::skip_permission_denied, error);
           !error && entry != fs::recursive_directory_iterator() && seen < kMostFilesSearched;
           entry.increment(error), ++seen) {
        if (is_file(entry->path())) {
          below_.emplace(entry->path().filename().string(), entry->path().parent_path());
        }
      }
    }
  }
  const fs::path wanted = fs::path(name).filename();
  std::string text = looked.empty() ? "None of the folders where it may be exists."
                                    : fmt::format("Looked in {}.", fmt::join(looked, ", "));
  const auto found = std::find_if(
      below_.lower_bound(wanted.string()), below_.end(), [&](const auto& file_and_folder) {
        const fs::path file = file_and_folder.first;
        return file == wanted ||
               (!wanted.has_extension() && file.stem() == wanted && has_image_extension(file));
      });
  if (found != below_.end()) {
    text += fmt::format(" There is a {} in {}: name that folder with --image-folder.",
                        found->first,
                        found->second.string());
  }
  return text;
}

void ImageFinder::note_replaced_folder(Scene& scene) const {
  if (!replaced_by_.empty()) {
    scene.notes.push_back(fmt::format(
        "The photographs are read from {}, as there is no folder 'images' that has them.",
        replaced_by_.string()));
  }
  if (!other_extension_.empty()) {
    scene.notes.push_back(
        fmt::format("Photographs have another extension than the scene says, as {} has.",
                    other_extension_.string()));
  }
}

}  // namespace parallax
