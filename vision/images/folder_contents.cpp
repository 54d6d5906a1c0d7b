// Looks through folders only as far as the questions need.
#include "vision/images/folder_contents.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <set>
#include <string_view>

#include "core/image/image_extension.h"
#include "core/image/image_format.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 9> kToolFolders = {"__MACOSX",
                                                          "@eaDir",
                                                          "@Recycle",
                                                          "#recycle",
                                                          "#snapshot",
                                                          "$RECYCLE.BIN",
                                                          "System Volume Information",
                                                          "lost+found",
                                                          "__pycache__"};

// `seen` holds the resolved paths of folders looked through.
bool holds_images_unseen(const fs::path& folder, std::set<fs::path>& seen) {
  std::error_code error;
  const fs::path resolved = fs::canonical(folder, error);
  if (error || !seen.insert(resolved).second) {
    return false;
  }
  std::vector<fs::path> folders;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored)) {
      if (!is_tool_folder(it->path().filename())) {
        folders.push_back(it->path());
      }
    } else if (has_image_extension(it->path()) && !is_macos_companion(it->path())) {
      return true;
    }
  }
  return std::any_of(folders.begin(), folders.end(), [&](const fs::path& inner) {
    return holds_images_unseen(inner, seen);
  });
}

}  // namespace

bool is_tool_folder(const std::string& name) {
  return name.starts_with(".") ||
         std::find(kToolFolders.begin(), kToolFolders.end(), name) != kToolFolders.end();
}

bool is_macos_companion(const fs::path& path) {
  if (!path.filename().string().starts_with("._")) {
    return false;
  }
  std::string head(64, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(file.gcount()));
  return !image_format(head);
}

bool holds_images(const fs::path& folder) {
  std::set<fs::path> seen;
  return holds_images_unseen(folder, seen);
}

int folder_number(const std::string& name) {
  constexpr size_t kMostDigits = 9;  // any such number fits an int
  int value = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  return whole && value >= 0 && name[0] != '-' && name.size() <= kMostDigits ? value : -1;
}

ClassFolders class_folders(const fs::path& folder) {
  ClassFolders found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const std::string name = it->path().filename();
    if (it->is_directory(ignored) && !is_tool_folder(name)) {
      (holds_images(it->path()) ? found.names : found.without_images).push_back(name);
    }
  }
  std::sort(found.without_images.begin(), found.without_images.end());
  std::sort(found.names.begin(), found.names.end());
  const auto is_number = [](const std::string& name) { return folder_number(name) >= 0; };
  if (std::all_of(found.names.begin(), found.names.end(), is_number)) {
    std::stable_sort(found.names.begin(), found.names.end(), [](const auto& a, const auto& b) {
      return folder_number(a) < folder_number(b);
    });
  }
  return found;
}

}  // namespace parallax
