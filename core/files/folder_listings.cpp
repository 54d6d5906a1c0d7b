// Listings of folders by names in small letters, marks apart.
#include "core/files/folder_listings.h"

#include "core/base/lower_case.h"
#include "core/files/letter_marks.h"

namespace parallax {

namespace fs = std::filesystem;

const FolderListings::Listing& FolderListings::listing(const fs::path& folder) {
  const auto [found, is_new] = listings_.try_emplace(folder);
  if (is_new) {
    std::error_code error;  // a folder that cannot be listed holds nothing
    for (auto entry = fs::directory_iterator(folder, error);
         !error && entry != fs::directory_iterator();
         entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      found->second.names.insert(name);
      found->second.spellings.emplace(lower_case(decomposed(name)), name);
    }
  }
  return found->second;
}

bool FolderListings::is_folder(const fs::path& path) {
  const auto [found, is_new] = folders_.try_emplace(path, false);
  if (is_new) {
    std::error_code ignored;
    found->second = fs::is_directory(path, ignored);
  }
  return found->second;
}

const std::unordered_set<std::string>& FolderListings::names(const fs::path& folder) {
  return listing(folder).names;
}

fs::path FolderListings::find(const fs::path& root, const fs::path& relative) {
  std::error_code ignored;  // a name too long or a folder without permission counts as missing
  fs::path place = (root / relative).lexically_normal();
  if (fs::exists(place, ignored)) {
    return place;
  }
  place = root;
  for (const fs::path& part : relative.lexically_normal()) {
    if (part == "." || part == ".." || part.empty()) {
      place /= part;
      continue;
    }
    const std::map<std::string, std::string>& spellings = listing(place).spellings;
    const auto spelled = spellings.find(lower_case(decomposed(part.string())));
    if (spelled == spellings.end()) {
      return {};
    }
    place /= spelled->second;
  }
  return place.lexically_normal();
}

}  // namespace parallax
