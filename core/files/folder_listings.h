// Finding files whose names differ from what is asked for by capital letters, or by how
// letters with marks are stored, alone.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <unordered_set>

namespace parallax {

// Lists each folder once and remembers what is in it.
class FolderListings {
 public:
  // The existing file or folder `relative` below `root`: spelled so, else as the folders spell it.
  // An empty path if there is none. `root` itself is taken as it is spelled.
  std::filesystem::path find(const std::filesystem::path& root,
                             const std::filesystem::path& relative);

  bool is_folder(const std::filesystem::path& path);

  // What the folder holds, files and folders; nothing if it cannot be listed.
  const std::unordered_set<std::string>& names(const std::filesystem::path& folder);

 private:
  struct Listing {
    std::unordered_set<std::string> names;
    std::map<std::string, std::string> spellings;  // decomposed, lower case → name
  };
  const Listing& listing(const std::filesystem::path& folder);

  std::map<std::filesystem::path, Listing> listings_;
  std::map<std::filesystem::path, bool> folders_;
};

}  // namespace parallax
