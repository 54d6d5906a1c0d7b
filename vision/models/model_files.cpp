// Finds model files by folder, extension and name, and reads their cards.
#include "vision/models/model_files.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "core/base/error.h"
#include "core/base/paths.h"
#include "core/io/shards.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExtensions[] = {".safetensors", ".pt", ".pth", ".ckpt", ".bin"};

nlohmann::json parse_card(const std::string& text, const std::string& where) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    throw Error(ErrorParts{.what = "the model card is not a JSON object", .where = where});
  }
  return json;
}

}  // namespace

std::vector<fs::path> model_files() {
  std::vector<fs::path> files;
  for (const fs::path& folder : {assets_folder() / "models", user_models_folder()}) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (has_checkpoint_extension(entry.path())) {
        files.push_back(entry.path());
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

fs::path find_model_file(const std::string& name_or_path,
                         const std::function<std::vector<std::string>()>& known_names) {
  std::error_code ignored;
  if (fs::is_regular_file(name_or_path, ignored)) {
    return name_or_path;
  }
  for (const fs::path& folder : {assets_folder() / "models", user_models_folder()}) {
    for (const char* extension : kExtensions) {
      const fs::path candidate = folder / (name_or_path + extension);
      if (fs::is_regular_file(candidate, ignored)) {
        return candidate;
      }
    }
  }
  if (const PublishedModel* published = find_published_model(name_or_path)) {
    return require_fetched(*published);
  }
  // After the names: a folder in the working directory must not hide a bundled model.
  if (fs::is_directory(name_or_path, ignored)) {
    return find_in_folder(name_or_path);
  }
  std::string expected =
      "a file (.safetensors, .pt, .pth, .ckpt, .bin), a folder, a name of `parallax models`";
  if (const auto known = known_names(); !known.empty()) {
    expected += fmt::format(" or one of {}", fmt::join(known, ", "));
  }
  throw UsageError(
      ErrorParts{.what = "there is no model '" + name_or_path + "'", .expected = expected});
}

fs::path require_fetched(const PublishedModel& model) {
  if (const auto path = find_fetched(model)) {
    return *path;
  }
  throw UsageError(
      ErrorParts{.what = "the weights of '" + model.name + "' are not here yet",
                 .remedy = "`parallax models fetch " + model.name + "` fetches them."});
}

std::optional<nlohmann::json> find_model_card(const fs::path& path, const Checkpoint& checkpoint) {
  if (const auto it = checkpoint.metadata.find(kCardMetadataKey); it != checkpoint.metadata.end()) {
    return parse_card(it->second, path.string() + ", metadata");
  }
  if (path.extension() == ".json") {
    return std::nullopt;  // an index of shards
  }
  fs::path sidecar = path;
  sidecar.replace_extension(".json");
  std::ifstream file(sidecar);
  if (!file) {
    return std::nullopt;
  }
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return parse_card(text, sidecar.string());
}

}  // namespace parallax
