// Finds model files by folder, extension and name, and reads their cards.
#include "vision/models/model_files.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/base/paths.h"
#include "core/io/checkpoint.h"
#include "core/io/shards.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRunModelStem = "model";  // of what training writes into its folder
constexpr const char* kExtensions[] = {".safetensors", ".pt", ".pth", ".ckpt", ".bin"};

nlohmann::json parse_card(const std::string& text, const std::string& where) {
  nlohmann::json json = parse_json(text, where);
  if (!json.is_object()) {
    throw Error(ErrorParts{.what = "the model card is not a JSON object", .where = where});
  }
  return json;
}

// The last `count` names of a path, the file's without its extension: "adapted/model".
std::string last_names(const std::string& where, int count) {
  const fs::path path = absolute_path(where);
  std::error_code ignored;
  std::string name = (fs::is_directory(path, ignored) ? path.filename() : path.stem()).string();
  fs::path above = path.parent_path();
  for (int i = 1; i < count && above.has_filename(); ++i, above = above.parent_path()) {
    // The folder's name alone says more than "adapted/model".
    name = i == 1 && name == kRunModelStem ? above.filename().string()
                                           : above.filename().string() + "/" + name;
  }
  return name;
}

// "w.pt#ema" as a path and a key, if there is such a file and none of the whole name.
ModelWord split_key(const std::string& where) {
  std::error_code ignored;
  const size_t mark = where.rfind('#');
  if (mark < where.size() - 1 && !fs::exists(where, ignored) &&
      fs::exists(where.substr(0, mark), ignored)) {
    return {.where = where.substr(0, mark), .key = where.substr(mark + 1)};
  }
  return {.where = where};
}

std::string with_key(const std::string& name, const ModelWord& word) {
  return word.key.empty() ? name : name + " (" + word.key + ")";
}

}  // namespace

ModelWord parse_model_word(const std::string& word) {
  const auto split = [&](size_t equals) {
    ModelWord parts = split_key(word.substr(equals + 1));
    parts.name = word.substr(0, equals);
    return parts;
  };
  const auto exists = [](const ModelWord& parts) {
    std::error_code ignored;
    return fs::exists(parts.where, ignored);
  };
  const size_t first = word.find('=', 1);
  const ModelWord whole = split_key(word);
  if (first >= word.size() - 1 || exists(whole)) {
    return whole;
  }
  // Folders are called "lr=0.1" too: what is behind the right one exists.
  for (size_t equals = first; equals < word.size() - 1; equals = word.find('=', equals + 1)) {
    if (ModelWord parts = split(equals); exists(parts)) {
      return parts;
    }
  }
  return word.find('/') < first ? whole : split(first);
}

std::string model_name(const ModelWord& word, const fs::path& file) {
  std::error_code ignored;
  if (!word.name.empty()) {
    return word.name;
  }
  return with_key(fs::equivalent(file.parent_path(), word.where, ignored)
                      ? absolute_path(word.where).filename().string()
                      : file.stem().string(),
                  word);
}

std::vector<std::string> with_distinct_names(const std::vector<std::string>& words) {
  constexpr int kMostFolders = 8;
  std::vector<ModelWord> models;
  std::vector<std::string> names;
  for (const std::string& word : words) {
    models.push_back(parse_model_word(word));
    const ModelWord& model = models.back();
    if (!model.name.empty() && std::find(names.begin(), names.end(), model.name) != names.end()) {
      throw UsageError(
          ErrorParts{.what = "two models have the same name", .got = "'" + model.name + "'"});
    }
    names.push_back(model.name.empty() ? with_key(last_names(model.where, 1), model) : model.name);
  }
  const std::vector<std::string> short_names = names;
  // The same file again is no other model: folders cannot tell it apart.
  const auto is_shared = [&](size_t i) {
    for (size_t j = 0; j < names.size(); ++j) {
      if (names[j] == names[i] && models[j].where != models[i].where) {
        return true;
      }
    }
    return false;
  };
  for (int count = 2; count <= kMostFolders; ++count) {
    std::vector<size_t> shared;
    for (size_t i = 0; i < names.size(); ++i) {
      if (models[i].name.empty() && is_shared(i)) {
        shared.push_back(i);
      }
    }
    for (const size_t i : shared) {
      names[i] = with_key(last_names(models[i].where, count), models[i]);
    }
  }
  std::vector<std::string> distinct = words;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto before =
        std::count(names.begin(), names.begin() + static_cast<int64_t>(i), names[i]);
    if (before > 0) {  // the same file again
      names[i] += fmt::format(" ({})", before + 1);
    }
    if (names[i] != short_names[i]) {
      distinct[i] =
          names[i] + "=" + models[i].where + (models[i].key.empty() ? "" : "#" + models[i].key);
    }
  }
  return distinct;
}

bool is_users_model(const fs::path& file) {
  return file.parent_path().lexically_normal() == user_models_folder().lexically_normal();
}

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
  const nlohmann::json json = parse_json(text, sidecar.string());
  const auto is_card = [&](const char* field) { return json.is_object() && json.contains(field); };
  if (!json.is_discarded() && !is_card("config") && !is_card("variant") && !is_card("model")) {
    return std::nullopt;  // a run's measures, say
  }
  return parse_card(text, sidecar.string());
}

}  // namespace parallax
