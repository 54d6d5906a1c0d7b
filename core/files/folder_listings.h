// Finding files whose names differ from what is asked for by capital letters, or by how
// letters with marks are stored, alone.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace parallax {

// Lists each folder once and remembers what is in it.
class FolderListings {
 public:
  // The existing file or folder `relative` below `root`: spelled so, else as the folders spell it.
  // An empty path if there is none. `root` itself is taken as it is spelled.
  std::filesystem::path find(const std::filesystem::path& root,
                             const std::filesystem::path& relative);

  bool is_folder(const std::filesystem::path& path);

 private:
  using Listing = std::map<std::string, std::string>;  // decomposed, lower case → name
  const Listing& listing(const std::filesystem::path& folder);

  std::map<std::filesystem::path, Listing> listings_;
  std::map<std::filesystem::path, bool> folders_;
};

}  // namespace parallax
