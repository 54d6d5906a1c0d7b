// Finds folders from the environment and from the program's own path.
#include "core/base/paths.h"

#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include "core/base/error.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

fs::path user_folder(const char* variable, const char* fallback) {
  if (const char* value = std::getenv(variable); value != nullptr && *value != '\0') {
    return fs::path(value) / "parallax";
  }
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : ".") / fallback / "parallax";
}

}  // namespace

fs::path program_folder() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path();
}

fs::path assets_folder() {
  std::vector<fs::path> places;
  if (const char* value = std::getenv("PARALLAX_ASSETS"); value != nullptr && *value != '\0') {
    places.emplace_back(value);
  } else {
    const fs::path program = program_folder();
    const fs::path installed = fs::path("share") / "parallax" / "assets";
    places.push_back(program / ".." / installed);         // seen from bin/parallax
    places.push_back(program / ".." / ".." / installed);  // from lib/parallax/parallax-compute
    places.push_back(program / ".." / ".." / "assets");   // build/<preset>
    places.push_back(program / "assets");                 // a build folder elsewhere: a link
  }
  std::string looked;
  for (const fs::path& place : places) {
    std::error_code ignored;
    if (fs::is_directory(place, ignored)) {
      return fs::canonical(place);
    }
    looked += (looked.empty() ? "" : ", ") + place.string();
  }
  throw Error(ErrorParts{.what = "the bundled assets were not found",
                         .where = looked,
                         .remedy = "Set PARALLAX_ASSETS to the project's folder 'assets'."});
}

fs::path user_models_folder() { return user_folder("XDG_DATA_HOME", ".local/share") / "models"; }

fs::path user_cache_folder() { return user_folder("XDG_CACHE_HOME", ".cache"); }

fs::path user_config_folder() { return user_folder("XDG_CONFIG_HOME", ".config"); }

fs::path absolute_path(const fs::path& path) {
  std::error_code ignored;
  const fs::path tidy = fs::absolute(path, ignored).lexically_normal();
  return tidy.has_filename() ? tidy : tidy.parent_path();
}

void create_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorParts{.what = "the folder could not be made: " + error.message(),
                           .where = folder.string()});
  }
}

}  // namespace parallax
