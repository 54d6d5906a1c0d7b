// A depth-first walk that holds one sorted listing per level.
#include "vision/images/image_files.h"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <deque>

#include "core/image/image_extension.h"

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

std::optional<int> index_of(const std::string& name, int classes) {
  int value = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
  if (error != std::errc() || end != name.data() + name.size() || value < 0 || value >= classes) {
    return std::nullopt;
  }
  return value;
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
};

}  // namespace

struct ImageFiles::Walk {
  ImageFilesOptions options;
  std::deque<std::string> named;  // the user's paths not yet visited
  std::vector<Level> levels;
  std::optional<FolderId> excluded;
  int64_t skipped = 0;
  std::vector<std::string> loops;

  std::optional<std::string> next_named();
  std::optional<ImageFile> start(const std::string& path);
  std::optional<ImageFile> enter(const fs::path& folder, bool is_root);
  std::optional<int> class_of(const fs::path& folder) const;
  bool numbered(const std::vector<Entry>& entries) const;
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

std::optional<int> ImageFiles::Walk::class_of(const fs::path& folder) const {
  if (options.labels == nullptr) {
    return std::nullopt;
  }
  const fs::path plain = folder.lexically_normal();
  return options.labels->find((plain.has_filename() ? plain : plain.parent_path()).filename());
}

bool ImageFiles::Walk::numbered(const std::vector<Entry>& entries) const {
  bool any = false;
  for (const Entry& entry : entries) {
    if (!entry.is_folder) {
      continue;
    }
    any = true;
    if (class_of(entry.path) || !index_of(entry.path.filename(), options.labels->size())) {
      return false;
    }
  }
  return any;
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
    return enter(path, true);
  }
  return ImageFile{.path = path, .truth = class_of(fs::path(path).parent_path())};
}

std::optional<ImageFile> ImageFiles::Walk::enter(const fs::path& folder, bool is_root) {
  const auto id = folder_id(folder);
  if (id && id == excluded) {
    return std::nullopt;
  }
  for (const Level& level : levels) {
    if (id && level.id == *id) {
      loops.push_back(folder.string());
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
  level.truth = class_of(folder);
  if (!level.truth && !levels.empty()) {
    const Level& parent = levels.back();
    level.truth =
        parent.numbers_classes ? index_of(folder.filename(), options.labels->size()) : parent.truth;
  }
  level.numbers_classes = is_root && options.labels != nullptr && numbered(level.entries);
  levels.push_back(std::move(level));
  return std::nullopt;
}

ImageFiles::ImageFiles(ImageFilesOptions options) : walk_(std::make_unique<Walk>()) {
  walk_->named.assign(options.paths.begin(), options.paths.end());
  if (!options.excluded.empty()) {
    walk_->excluded = folder_id(options.excluded);
  }
  walk_->options = std::move(options);
}

ImageFiles::~ImageFiles() = default;

std::optional<ImageFile> ImageFiles::next() {
  Walk& walk = *walk_;
  while (true) {
    std::optional<ImageFile> found;
    if (walk.levels.empty()) {
      const auto path = walk.next_named();
      if (!path) {
        return std::nullopt;
      }
      found = walk.start(*path);
    } else if (Level& level = walk.levels.back(); level.next == level.entries.size()) {
      walk.levels.pop_back();
    } else {
      const Entry entry = std::move(level.entries[level.next++]);
      if (entry.is_folder) {
        found = walk.enter(entry.path, false);
      } else if (has_image_extension(entry.path)) {
        found = ImageFile{.path = entry.path, .truth = level.truth};
      } else {
        ++walk.skipped;
      }
    }
    if (found) {
      return found;
    }
  }
}

int64_t ImageFiles::skipped() const { return walk_->skipped; }

const std::vector<std::string>& ImageFiles::loops() const { return walk_->loops; }

int64_t count_image_files(ImageFilesOptions options) {
  options.labels = nullptr;
  ImageFiles files(std::move(options));
  int64_t count = 0;
  while (files.next()) {
    ++count;
  }
  return count;
}

}  // namespace parallax
