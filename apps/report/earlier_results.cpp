// Renames within one folder.
#include "apps/report/earlier_results.h"

#include <system_error>

#include "core/base/error.h"
#include "core/base/paths.h"

namespace parallax {

bool set_aside(const std::filesystem::path& folder, const std::vector<std::string>& names) {
  namespace fs = std::filesystem;
  const fs::path previous = folder / kEarlierFolder;
  std::vector<std::string> found;
  for (const std::string& name : names) {
    std::error_code ignored;
    if (fs::exists(fs::symlink_status(folder / name, ignored))) {
      found.push_back(name);
    }
  }
  if (found.empty()) {
    return false;
  }
  std::error_code failure;
  fs::remove_all(previous, failure);
  create_folder(previous);
  for (const std::string& name : found) {
    fs::rename(folder / name, previous / name, failure);
    if (failure) {
      throw Error(ErrorParts{
          .what = "an earlier result cannot be moved out of the way: " + failure.message(),
          .where = (folder / name).string(),
          .remedy = "Name another --output."});
    }
  }
  return true;
}

}  // namespace parallax
