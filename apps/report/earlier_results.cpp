// Renames within one folder.
#include "apps/report/earlier_results.h"

#include <fmt/format.h>

#include <cstdio>
#include <system_error>

#include "core/base/error.h"
#include "core/base/paths.h"

namespace parallax {

namespace {

std::filesystem::path unused_folder(const std::filesystem::path& folder) {
  std::filesystem::path unused = folder / "previous";
  for (int number = 2; std::filesystem::exists(std::filesystem::symlink_status(unused)); ++number) {
    unused = folder / fmt::format("previous-{}", number);
  }
  return unused;
}

}  // namespace

std::filesystem::path set_aside(const std::filesystem::path& folder,
                                const std::vector<std::string>& names) {
  namespace fs = std::filesystem;
  std::vector<std::string> found;
  for (const std::string& name : names) {
    std::error_code ignored;
    if (fs::exists(fs::symlink_status(folder / name, ignored))) {
      found.push_back(name);
    }
  }
  if (found.empty()) {
    return {};
  }
  const fs::path previous = unused_folder(folder);
  std::error_code failure;
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
  return previous;
}

void note_set_aside(const std::filesystem::path& previous) {
  if (!previous.empty()) {
    fmt::print(stderr, "note: the results of an earlier run were moved to {}\n", previous.string());
  }
}

}  // namespace parallax
