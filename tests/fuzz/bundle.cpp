// Splits bundles at their lines of names.
#include "tests/fuzz/bundle.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <stdexcept>

namespace parallax::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBegin = "=== ";
constexpr std::string_view kEnd = " ===\n";
constexpr std::string_view kImageMark = "@image";
constexpr int kMostFiles = 16;
constexpr int kDeepest = 4;

// A grey PNG file of 32 × 24 pixels.
constexpr unsigned char kImage[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x18, 0x08, 0x00, 0x00, 0x00, 0x00, 0xbe, 0x38, 0xa0,
    0xe8, 0x00, 0x00, 0x00, 0x13, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x68, 0x20, 0x00, 0x18,
    0x46, 0x15, 0x8c, 0x2a, 0x18, 0x79, 0x0a, 0x00, 0x25, 0xe6, 0x80, 0x10, 0x5f, 0x7f, 0x90, 0xf0,
    0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

bool is_plain(std::string_view name) {
  for (int depth = 0;; ++depth) {
    const std::string_view part = name.substr(0, name.find('/'));
    const bool letters = std::all_of(part.begin(), part.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == ' ';
    });
    if (!letters || part.empty() || part.front() == '.' || part.size() > 64 || depth == kDeepest) {
      return false;
    }
    if (part.size() == name.size()) {
      return true;
    }
    name.remove_prefix(part.size() + 1);
  }
}

// The files of a bundle by their names, in its order.
std::vector<std::pair<std::string, std::string_view>> split_bundle(std::string_view bundle) {
  std::vector<std::pair<std::string, std::string_view>> files;
  for (int count = 0; bundle.starts_with(kBegin) && count < kMostFiles; ++count) {
    bundle.remove_prefix(kBegin.size());
    const size_t end = bundle.find(kEnd);
    if (end == std::string_view::npos) {
      break;
    }
    const std::string_view name = bundle.substr(0, end);
    bundle.remove_prefix(end + kEnd.size());
    const size_t next = std::min(bundle.find("\n=== "), bundle.size());
    std::string_view content = bundle.substr(0, next);
    bundle.remove_prefix(std::min(next + 1, bundle.size()));
    if (content == kImageMark || content == "@image\n") {
      content = {reinterpret_cast<const char*>(kImage), sizeof kImage};
    }
    if (is_plain(name)) {
      files.emplace_back(name, content);
    }
  }
  return files;
}

// Whether two files have one name, or one is called as a folder of another.
bool has_conflicts(const std::vector<std::pair<std::string, std::string_view>>& files) {
  for (size_t i = 0; i < files.size(); ++i) {
    for (size_t j = 0; j < files.size(); ++j) {
      const std::string& name = files[i].first;
      const std::string& other = files[j].first;
      if (i != j && other.starts_with(name) &&
          (other.size() == name.size() || other[name.size()] == '/')) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

bool write_file(const fs::path& path, std::string_view content) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_CLOEXEC;
  int descriptor = ::open(path.c_str(), kFlags, 0600);
  if (descriptor < 0 && errno == ENOENT) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    descriptor = ::open(path.c_str(), kFlags, 0600);
  }
  if (descriptor < 0) {
    return false;
  }
  // Over what is there: with O_TRUNC its pages would be given back and asked for again.
  const auto size = static_cast<ssize_t>(content.size());
  const bool is_whole = ::write(descriptor, content.data(), content.size()) == size &&
                        ::ftruncate(descriptor, size) == 0;
  ::close(descriptor);
  return is_whole;
}

void BundleFolder::start_over() {
  fs::remove_all(folder_);
  fs::create_directories(folder_);
  files_.clear();
}

// Removes files of other names, and folders that are empty then.
void BundleFolder::remove_all_but(const Files& files) {
  std::erase_if(files_, [&](const auto& old) {
    const std::string& name = old.first;
    if (std::any_of(
            files.begin(), files.end(), [&](const auto& file) { return file.first == name; })) {
      return false;
    }
    ::unlink((folder_ / name).c_str());
    for (size_t end = name.rfind('/'); end != std::string::npos; end = name.rfind('/', end - 1)) {
      if (::rmdir((folder_ / name.substr(0, end)).c_str()) != 0) {
        break;  // other files are left in it
      }
    }
    return true;
  });
}

void BundleFolder::unpack(std::string_view bundle) {
  const Files files = split_bundle(bundle);
  if (has_conflicts(files)) {
    start_over();
    is_known_ = false;
    for (const auto& [name, content] : files) {
      write_file(folder_ / name, content);
    }
    return;
  }
  if (!is_known_) {
    start_over();
  }
  is_known_ = false;
  remove_all_but(files);
  for (const auto& [name, content] : files) {
    const auto [file, is_new] = files_.try_emplace(name);
    if (!is_new && file->second == content) {
      continue;
    }
    if (!write_file(folder_ / name, content)) {
      throw std::logic_error("the folder of the bundle cannot be written to");
    }
    file->second = content;
  }
  is_known_ = true;
}

}  // namespace parallax::fuzz
