// Reads a whole document, or one per line.
#include "vision/images/truth_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "vision/images/truth_headings.h"

namespace parallax {
namespace {

using nlohmann::json;

std::vector<std::string> json_words(const json& value, const std::string& where) {
  if (value.is_number_integer()) {
    return {std::to_string(value.get<int64_t>())};
  }
  if (value.is_string()) {
    return {value.get<std::string>()};
  }
  if (!value.is_array()) {
    throw Error(ErrorParts{.what = "an entry of the file of labels cannot be read",
                           .where = where,
                           .expected = "a class, or a list of classes",
                           .got = value.dump().substr(0, 80)});
  }
  std::vector<std::string> words;
  for (const json& inner : value) {
    // A list in a list would be no class; an object is refused as such.
    for (std::string& word : json_words(inner.is_array() ? json::object() : inner, where)) {
      words.push_back(std::move(word));
    }
  }
  return words;
}

void read_document(TruthTable& table, const json& content) {
  table.by_position = content.is_array();
  int entry = 0;
  for (const auto& item : content.items()) {
    ++entry;
    const std::string where = fmt::format("{}, entry {}", table.path.string(), entry);
    table.rows.push_back({.image = table.by_position ? "" : item.key(),
                          .words = json_words(item.value(), where),
                          .line = entry});
  }
}

// The object's first field that is called so; null if it has none.
const json* find_field(const json& object, bool (*is_called_so)(const std::string&)) {
  for (const auto& item : object.items()) {
    if (is_called_so(item.key())) {
      return &item.value();
    }
  }
  return nullptr;
}

// A line that lacks a class, or has null for it, is an image without one.
TruthRow read_object(const json& object, int line, const std::string& where) {
  const json* image = find_field(object, is_image_heading);
  const json* words = find_field(object, is_class_heading);
  if (image == nullptr || !image->is_string()) {
    throw Error(ErrorParts{.what = "the line names no image",
                           .where = where,
                           .expected = R"({"file_name": "…", "label": …})",
                           .got = object.dump(-1, ' ', true).substr(0, 80)});
  }
  const bool has_class = words != nullptr && !words->is_null();
  return {.image = image->get<std::string>(),
          .words = has_class ? json_words(*words, where) : std::vector<std::string>{},
          .line = line};
}

bool read_lines(TruthTable& table, const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    const std::string where = fmt::format("{}, line {}", table.path.string(), number);
    const json object = parse_json(line, where);
    if (!object.is_object()) {
      return false;
    }
    table.rows.push_back(read_object(object, number, where));
  }
  return true;
}

// The fields' names in an object per line are what tells that from an object of images.
bool is_object_of_a_line(const json& content) {
  return content.is_object() && find_field(content, is_image_heading) != nullptr &&
         find_field(content, is_class_heading) != nullptr;
}

}  // namespace

void read_truth_json(TruthTable& table, const std::string& text) {
  const json content = parse_json(text, table.path.string());
  if (!content.is_discarded() && !is_object_of_a_line(content)) {
    read_document(table, content);
    return;
  }
  if (!read_lines(table, text)) {
    throw Error(
        ErrorParts{.what = "the file of labels is not valid JSON", .where = table.path.string()});
  }
}

}  // namespace parallax
