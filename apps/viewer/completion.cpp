// Reads one directory listing per keystroke.
#include "apps/viewer/completion.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace parallax {

namespace fs = std::filesystem;

std::string expand_home(const std::string& text) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || text.empty() || text[0] != '~' || (text.size() > 1 && text[1] != '/')) {
    return text;
  }
  return home + text.substr(1);
}

std::vector<std::string> complete_path(const std::string& text, size_t most) {
  const std::string full = expand_home(text);
  const size_t slash = full.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : full.substr(0, slash + 1);
  const std::string start = full.substr(folder.size());
  std::vector<std::pair<bool, std::string>> found;  // folders sort first
  std::error_code error;
  for (fs::directory_iterator it(folder.empty() ? fs::path(".") : fs::path(folder), error), end;
       !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.compare(0, start.size(), start) != 0 || (name[0] == '.' && start.empty())) {
      continue;
    }
    std::error_code ignored;
    const bool is_folder = it->is_directory(ignored);
    found.emplace_back(!is_folder, folder + name + (is_folder ? "/" : ""));
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  for (auto& [is_file, path] : found) {
    if (paths.size() == most) {
      break;
    }
    paths.push_back(std::move(path));
  }
  return paths;
}

}  // namespace parallax
