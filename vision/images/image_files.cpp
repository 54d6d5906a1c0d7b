// A depth-first walk that holds one sorted listing per level.
#include "vision/images/image_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>

#include "core/base/error.h"
#include "core/image/image_extension.h"
#include "vision/images/folder_classes.h"
#include "vision/images/folder_contents.h"
#include "vision/images/tar_samples.h"
#include "vision/images/truth_finder.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// Distinguishes two paths to one folder from two folders.
struct FolderId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FolderId&) const = default;
};

std::optional<FolderId> folder_id(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return FolderId{status.st_dev, status.st_ino};
}

bool is_glob(const std::string& text) { return text.find_first_of("*?[") != std::string::npos; }

std::vector<std::string> expand_glob(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_TILDE, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return paths;
}

struct Entry {
  fs::path path;
  bool is_folder = false;
};

struct Level {
  FolderId id;
  std::vector<Entry> entries;
  size_t next = 0;
  std::optional<int> truth;      // of the files in it
  bool numbers_classes = false;  // its sub-folders' names are class indices
  bool wraps = false;            // it is as good as its only sub-folder with images
};

// An archive being read.
struct OpenArchive {
  fs::path path;
  TarSamples samples;
  std::optional<int> truth;  // of the folder that it is in
};

std::vector<fs::path> folders_among(const std::vector<Entry>& entries) {
  std::vector<fs::path> folders;
  for (const Entry& entry : entries) {
    if (entry.is_folder) {
      folders.push_back(entry.path);
    }
  }
  return folders;
}

// Whether all images are in one of the sub-folders, as where an archive was unpacked.
bool wraps_one_folder(const std::vector<Entry>& entries) {
  int folders = 0;
  for (const Entry& entry : entries) {
    if (!entry.is_folder && has_image_extension(entry.path)) {
      return false;
    }
    if (entry.is_folder && !is_tool_folder(entry.path.filename()) && holds_images(entry.path) &&
        ++folders > 1) {
      return false;
    }
  }
  return folders == 1;
}

std::string remedy_for(const PassedOver& passed_over) {
  const bool phones =
      passed_over.pictures.contains("HEIC") || passed_over.pictures.contains("AVIF");
  return phones ? "convert them to JPEG or PNG, or install libheif1"
                : "convert them to JPEG or PNG";
}

}  // namespace

struct ImageFiles::Walk {
  ImageFilesOptions options;
  std::optional<TruthFinder> truths;  // where there are labels
  std::deque<std::string> named;      // the user's paths not yet visited
  std::vector<Level> levels;
  std::optional<OpenArchive> archive;
  fs::path root;  // the named folder being walked
  std::optional<FolderId> excluded;
  PassedOver passed_over;
  int64_t known = 0;
  FolderClasses folder_classes{nullptr};

  std::optional<std::string> next_named();
  std::optional<ImageFile> start(const std::string& path);
  std::optional<ImageFile> enter(const fs::path& folder, bool is_root);
  std::optional<ImageFile> next_entry(Level& level);
  std::optional<ImageFile> open_archive(const fs::path& path, std::optional<int> of_folder);
  std::optional<ImageFile> next_in_archive();
  ImageFile with_classes(const fs::path& path, std::optional<int> of_folder);
};

std::optional<std::string> ImageFiles::Walk::next_named() {
  while (named.empty() && options.list != nullptr) {
    std::string line;
    if (!std::getline(*options.list, line)) {
      return std::nullopt;
    }
    if (!line.empty() && line.back() == '\r') {
      line.pop_back();
    }
    if (!line.empty()) {
      named.push_back(std::move(line));
    }
  }
  if (named.empty()) {
    return std::nullopt;
  }
  std::string path = std::move(named.front());
  named.pop_front();
  return path;
}

ImageFile ImageFiles::Walk::with_classes(const fs::path& path, std::optional<int> of_folder) {
  ImageFile file{.path = path, .truth = of_folder};
  if (truths && (truths->is_named() || !of_folder)) {
    const auto classes = truths->find(path, root);
    const bool any = classes && !classes->empty();
    file.truth = any ? std::optional(classes->front()) : std::nullopt;
    if (any) {
      file.also_right.assign(classes->begin() + 1, classes->end());
    }
  }
  known += file.truth ? 1 : 0;
  return file;
}

// Starts on a file or folder; empty if the walk simply continues.
std::optional<ImageFile> ImageFiles::Walk::start(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    if (is_glob(path)) {
      const std::vector<std::string> found = expand_glob(path);
      if (found.empty()) {
        return ImageFile{.path = path, .error = "no file matches this pattern"};
      }
      named.insert(named.begin(), found.begin(), found.end());
      return std::nullopt;
    }
    const bool missing = status.type() == fs::file_type::not_found;
    return ImageFile{.path = path,
                     .error = missing ? "there is no such file or folder"
                                      : "cannot be read: " + error.message()};
  }
  if (fs::is_directory(status)) {
    root = path;
    return enter(path, true);
  }
  if (is_macos_companion(path)) {
    ++passed_over.other_files;
    return std::nullopt;
  }
  root = fs::path(path).parent_path();
  const std::optional<int> of_folder = folder_classes.of_or_above(root);
  return options.archives && is_tar_file(path) ? open_archive(path, of_folder)
                                               : with_classes(path, of_folder);
}

std::optional<ImageFile> ImageFiles::Walk::open_archive(const fs::path& path,
                                                        std::optional<int> of_folder) {
  try {
    archive = OpenArchive{path, TarSamples(path), of_folder};
  } catch (const Error& error) {
    return ImageFile{.path = path, .error = error.what()};
  }
  return std::nullopt;
}

// The archive's next image, or what is wrong with the archive, after which it is closed.
std::optional<ImageFile> ImageFiles::Walk::next_in_archive() {
  const fs::path path = archive->path;
  std::optional<TarImage> image;
  try {
    image = archive->samples.next();
  } catch (const Error& error) {
    archive.reset();
    return ImageFile{.path = path, .error = error.what()};
  }
  if (!image) {
    archive.reset();
    return std::nullopt;
  }
  const fs::path inside(image->name);
  const std::optional<int> of_name =
      inside.has_parent_path() ? folder_classes.of(inside.parent_path()) : std::nullopt;
  std::optional<int> of_sample = of_name ? of_name : archive->truth;
  if (folder_classes.names_count() && image->label && *image->label < options.labels->size()) {
    of_sample = image->label;
  }
  ImageFile file = with_classes(path / inside.relative_path(), of_sample);
  file.archive = path;
  file.part = image->data;
  return file;
}

std::optional<ImageFile> ImageFiles::Walk::enter(const fs::path& folder, bool is_root) {
  const auto id = folder_id(folder);
  if (id && id == excluded) {
    return std::nullopt;
  }
  for (const Level& level : levels) {
    if (id && level.id == *id) {
      passed_over.loops.push_back(folder.string());
      return std::nullopt;
    }
  }
  Level level{.id = id.value_or(FolderId{})};
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    level.entries.push_back({it->path(), it->is_directory(ignored)});
  }
  if (error) {
    return ImageFile{.path = folder, .error = "the folder cannot be read: " + error.message()};
  }
  std::sort(level.entries.begin(), level.entries.end(), [](const Entry& a, const Entry& b) {
    return a.path.native() < b.path.native();
  });
  level.truth = folder_classes.of(folder);
  if (!level.truth && !levels.empty()) {
    const Level& parent = levels.back();
    const int number = parent.numbers_classes ? folder_number(folder.filename()) : -1;
    level.truth = number >= 0 ? std::optional(number) : parent.truth;
  }
  if (is_root || levels.back().wraps) {
    level.numbers_classes = folder_classes.are_indices(folders_among(level.entries));
    level.wraps = !level.numbers_classes && wraps_one_folder(level.entries);
  }
  levels.push_back(std::move(level));
  return std::nullopt;
}

ImageFiles::ImageFiles(ImageFilesOptions options) : walk_(std::make_unique<Walk>()) {
  walk_->named.assign(options.paths.begin(), options.paths.end());
  if (!options.excluded.empty()) {
    walk_->excluded = folder_id(options.excluded);
  }
  if (options.labels != nullptr) {
    walk_->truths.emplace(*options.labels, options.truth_file);
    // A file of labels that the user named goes before folders' names.
    walk_->folder_classes = FolderClasses(walk_->truths->is_named() ? nullptr : options.labels);
  }
  walk_->options = std::move(options);
}

ImageFiles::~ImageFiles() = default;

// The next image of a folder, if its next entry is one.
std::optional<ImageFile> ImageFiles::Walk::next_entry(Level& level) {
  const Entry entry = std::move(level.entries[level.next++]);
  const std::string name = entry.path.filename();
  if (entry.is_folder) {
    if (is_tool_folder(name)) {
      passed_over.tool_folders.insert(name);
      return std::nullopt;
    }
    return enter(entry.path, false);
  }
  if (is_macos_companion(entry.path)) {
    ++passed_over.other_files;
    return std::nullopt;
  }
  if (has_image_extension(entry.path)) {
    return with_classes(entry.path, level.truth);
  }
  if (options.archives && is_tar_file(entry.path)) {
    return open_archive(entry.path, level.truth);
  }
  const std::string kind = unread_picture_kind(entry.path);
  ++(kind.empty() ? passed_over.other_files : passed_over.pictures[kind]);
  return std::nullopt;
}

std::optional<ImageFile> ImageFiles::next() {
  Walk& walk = *walk_;
  while (true) {
    std::optional<ImageFile> found;
    if (walk.archive) {
      found = walk.next_in_archive();
    } else if (walk.levels.empty()) {
      const auto path = walk.next_named();
      if (!path) {
        return std::nullopt;
      }
      found = walk.start(*path);
    } else if (Level& level = walk.levels.back(); level.next == level.entries.size()) {
      walk.levels.pop_back();
    } else {
      found = walk.next_entry(level);
    }
    if (found) {
      return found;
    }
  }
}

const PassedOver& ImageFiles::passed_over() const { return walk_->passed_over; }

int64_t ImageFiles::known() const { return walk_->known; }

std::vector<std::string> ImageFiles::notes() const {
  const PassedOver& passed_over = walk_->passed_over;
  std::vector<std::string> notes;
  if (!passed_over.pictures.empty()) {
    notes.push_back(describe_pictures(passed_over) + " left out; " + remedy_for(passed_over));
  }
  if (!passed_over.tool_folders.empty()) {
    notes.push_back(fmt::format("folders of tools, not entered: {}",
                                fmt::join(passed_over.tool_folders, ", ")));
  }
  for (const std::string& loop : passed_over.loops) {
    notes.push_back(loop + " leads back into a folder above it and was not entered");
  }
  const std::set<std::string>& of_classes = walk_->folder_classes.notes();
  notes.insert(notes.end(), of_classes.begin(), of_classes.end());
  if (walk_->truths) {
    const std::vector<std::string> more = walk_->truths->notes();
    notes.insert(notes.end(), more.begin(), more.end());
  }
  return notes;
}

std::string describe_pictures(const PassedOver& passed_over) {
  std::vector<std::string> parts;
  for (const auto& [kind, count] : passed_over.pictures) {
    parts.push_back(fmt::format("{} {} picture{}", count, kind, count == 1 ? "" : "s"));
  }
  const std::string last = parts.empty() ? "" : parts.back();
  if (parts.size() < 2) {
    return last;
  }
  parts.pop_back();
  return fmt::format("{} and {}", fmt::join(parts, ", "), last);
}

ImageCount count_image_files(ImageFilesOptions options) {
  ImageFiles files(std::move(options));
  ImageCount count;
  while (const auto file = files.next()) {
    ++count.images;
    if (file->truth) {
      count.classes.insert(*file->truth);
      count.classes.insert(file->also_right.begin(), file->also_right.end());
    }
  }
  return count;
}

}  // namespace parallax
