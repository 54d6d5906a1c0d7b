// Reading indices, and finding what they speak of.
#include "vision/eval/evaluation_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/paths.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/formats/pixelsplat.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<int> read_numbers(const JsonFields& entry, const char* field) {
  std::vector<int> numbers;
  for (const json& value : entry.list(field)) {
    const double number = value.is_number() ? value.get<double>() : -1;
    if (number < 0 || number > 1e9 || number != std::floor(number)) {
      throw Error(ErrorParts{.what = "a view's number cannot be read",
                             .where = entry.where(field),
                             .expected = "whole numbers from 0 on",
                             .got = value.dump(-1, ' ', true, json::error_handler_t::replace)});
    }
    numbers.push_back(static_cast<int>(number));
  }
  if (numbers.empty()) {
    throw Error(ErrorParts{.what = "no view is listed", .where = entry.where(field)});
  }
  return numbers;
}

IndexedViews read_entry(const std::string& scene, const json& entry, const std::string& where) {
  IndexedViews views{.scene = scene, .label = scene};
  try {
    const JsonFields fields(entry, where);
    views.context = read_numbers(fields, "context");
    views.target = read_numbers(fields, "target");
  } catch (const Error& error) {
    views.problem = error.what();
  }
  return views;
}

bool is_index(const json& document) {
  return document.is_object() &&
         std::all_of(document.begin(), document.end(), [](const json& entry) {
           return entry.is_null() || entry.is_object() || entry.is_array();
         });
}

}  // namespace

std::vector<IndexedViews> read_evaluation_index(const fs::path& file) {
  json document = read_json_file(file);
  if (!is_index(document)) {
    document = json::object();
  }
  std::vector<IndexedViews> index;
  for (const auto& item : document.items()) {
    const std::string where = fmt::format("{}, scene '{}'", file.string(), item.key());
    if (item.value().is_array()) {
      for (size_t i = 0; i < item.value().size(); ++i) {
        index.push_back(read_entry(item.key(), item.value()[i], where));
        index.back().label = fmt::format("{} ({})", item.key(), i + 1);
      }
    } else if (!item.value().is_null()) {
      index.push_back(read_entry(item.key(), item.value(), where));
    }
  }
  if (std::all_of(index.begin(), index.end(), [](const IndexedViews& views) {
        return !views.problem.empty();
      })) {
    throw Error(ErrorParts{.what = "the file is not an index of views to evaluate",
                           .where = file.string(),
                           .expected = R"({"scene": {"context": [0, 9], "target": [3, 5]}, …})",
                           .got = index.empty() ? "no scene with views" : index.front().problem});
  }
  return index;
}

ViewSelection select_indexed_views(const Scene& scene, const IndexedViews& views) {
  std::map<int, int> positions;  // number among all → index among those that are left
  for (size_t i = 0; i < scene.views.size(); ++i) {
    positions.emplace(scene.views[i].number, static_cast<int>(i));
  }
  const auto find = [&](const std::vector<int>& numbers) {
    std::vector<int> indices;
    for (const int number : numbers) {
      const auto found = positions.find(number);
      if (found == positions.end()) {
        throw Error(ErrorParts{
            .what =
                fmt::format("the index asks for view {}, which the scene does not have", number),
            .where = fmt::format("scene '{}'", scene.name),
            .expected = fmt::format("views 0 to {}", positions.rbegin()->first),
            .remedy = scene.notes.empty() ? "" : scene.notes.front()});
      }
      indices.push_back(found->second);
    }
    return indices;
  };
  return {.inputs = find(views.context), .targets = find(views.target)};
}

SceneFinder::SceneFinder(const std::vector<std::string>& places) {
  for (const std::string& place : places) {
    std::error_code ignored;
    const fs::path path = absolute_path(place);
    if (!fs::exists(path, ignored)) {
      throw Error(ErrorParts{.what = "there is no such file or folder", .where = place});
    }
    constexpr int kLevels = 2;
    add(path);
    add_inside(path, kLevels);
  }
}

// Adds the path if a scene may be there.
void SceneFinder::add(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    if (looks_like_scene(path)) {
      scenes_.emplace(path.filename().string(), path);
    }
  } else if (path.extension() == ".json" || path.extension() == ".txt") {
    scenes_.emplace(path.stem().string(), path);
  }
}

void SceneFinder::add_inside(const fs::path& folder, int levels) {
  for (const std::string& key : pixelsplat_scenes(folder)) {
    scenes_.emplace(key, folder.string() + "/" + key);  // a key may begin with a slash
  }
  std::vector<fs::path> inside;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error);
       !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    inside.push_back(entry->path());
  }
  std::sort(inside.begin(), inside.end());
  for (const fs::path& path : inside) {
    add(path);
    std::error_code ignored;
    if (levels > 1 && fs::is_directory(path, ignored) && !looks_like_scene(path)) {
      add_inside(path, levels - 1);
    }
  }
}

std::optional<fs::path> SceneFinder::find(const std::string& key) const {
  auto found = scenes_.find(key);
  if (found == scenes_.end()) {
    found = scenes_.find(key.substr(key.rfind('/') + 1));  // DL3DV's "1K/…"
  }
  return found == scenes_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace parallax
