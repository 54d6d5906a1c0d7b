// Reads label files and matches folder names to classes.
#include "vision/images/class_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <fstream>

#include "core/base/error.h"
#include "core/base/paths.h"

namespace parallax {
namespace {

constexpr size_t kWordNetIdLength = 9;

bool is_wordnet_id(const std::string& text) {
  return text.size() == kWordNetIdLength && text[0] == 'n' &&
         std::all_of(text.begin() + 1, text.end(), [](unsigned char c) { return std::isdigit(c); });
}

std::string trimmed(const std::string& text) {
  const char* blanks = " \t\r\n";
  const size_t first = text.find_first_not_of(blanks);
  return first == std::string::npos ? ""
                                    : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// The key by which names are compared: lower case, words separated by single spaces.
std::string name_key(const std::string& name) {
  std::string key;
  for (const char c : name) {
    const bool blank = c == ' ' || c == '_' || c == '-' || c == '\t';
    if (!blank) {
      key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!key.empty() && key.back() != ' ') {
      key += ' ';
    }
  }
  return trimmed(key);
}

std::vector<std::string> synonyms(const std::string& name) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= name.size()) {
    const size_t end = std::min(name.find(',', begin), name.size());
    parts.push_back(trimmed(name.substr(begin, end - begin)));
    begin = end + 1;
  }
  return parts;
}

ClassLabel parse_line(const std::string& line) {
  const std::string text = trimmed(line);
  const std::string first = text.substr(0, kWordNetIdLength);
  if (is_wordnet_id(first) && (text.size() == kWordNetIdLength || std::isblank(text[9]) != 0)) {
    return {first, trimmed(text.substr(kWordNetIdLength))};
  }
  return {"", text};
}

ClassLabel parse_json_label(const nlohmann::json& json, const std::string& where) {
  if (json.is_string()) {
    return parse_line(json.get<std::string>());
  }
  if (json.is_array() && json.size() == 2 && json[0].is_string() && json[1].is_string()) {
    return {json[0].get<std::string>(), json[1].get<std::string>()};
  }
  throw Error(ErrorParts{.what = "a class label cannot be read",
                         .where = where,
                         .expected = "a name, or [WordNet id, name]",
                         .got = json.dump().substr(0, 80)});
}

}  // namespace

ClassLabels::ClassLabels(std::vector<ClassLabel> labels) : labels_(std::move(labels)) {
  const auto put = [&](const std::string& key, int index) {
    const auto [it, fresh] = by_key_.try_emplace(key, index);
    if (!fresh && it->second != index) {
      it->second = -1;
    }
  };
  for (int i = 0; i < size(); ++i) {
    const ClassLabel& label = labels_[static_cast<size_t>(i)];
    if (!label.id.empty()) {
      put(label.id, i);
    }
    put(name_key(label.name), i);
    for (const std::string& synonym : synonyms(label.name)) {
      put(name_key(synonym), i);
    }
  }
}

std::string ClassLabels::short_name(int index) const {
  const ClassLabel& label = (*this)[index];
  return label.name.empty() ? label.id : trimmed(label.name.substr(0, label.name.find(',')));
}

std::optional<int> ClassLabels::find(const std::string& id_or_name) const {
  for (const std::string& key : {id_or_name, name_key(id_or_name)}) {
    const auto it = by_key_.find(key);
    if (it != by_key_.end() && it->second >= 0 && !key.empty()) {
      return it->second;
    }
  }
  return std::nullopt;
}

ClassLabels labels_from_json(const nlohmann::json& json, const std::string& where) {
  std::vector<ClassLabel> labels(json.size());
  if (json.is_array()) {
    for (size_t i = 0; i < json.size(); ++i) {
      labels[i] = parse_json_label(json[i], where);
    }
    return ClassLabels(std::move(labels));
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::string key = std::to_string(i);
    if (!json.is_object() || !json.contains(key)) {
      throw Error(ErrorParts{.what = "the class labels cannot be read",
                             .where = where,
                             .expected = "a list, or an object with keys \"0\", \"1\", …",
                             .got = "no key \"" + key + "\""});
    }
    labels[i] = parse_json_label(json.at(key), where);
  }
  return ClassLabels(std::move(labels));
}

nlohmann::json labels_to_json(const ClassLabels& labels) {
  nlohmann::json json = nlohmann::json::array();
  for (int i = 0; i < labels.size(); ++i) {
    const ClassLabel& label = labels[i];
    json.push_back(label.id.empty() ? nlohmann::json(label.name)
                                    : nlohmann::json::array({label.id, label.name}));
  }
  return json;
}

ClassLabels read_label_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) {
    throw Error(ErrorParts{.what = "the label file cannot be opened", .where = path.string()});
  }
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (text[first] == '[' || text[first] == '{')) {
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_discarded()) {
      throw Error(ErrorParts{.what = "the label file is not valid JSON", .where = path.string()});
    }
    return labels_from_json(json, path.string());
  }
  std::vector<ClassLabel> labels;
  size_t begin = 0;
  const size_t used = text.find_last_not_of(" \t\r\n") + 1;  // blank lines at the end do not count
  while (begin < used) {
    const size_t end = std::min(text.find('\n', begin), used);
    const ClassLabel label = parse_line(text.substr(begin, end - begin));
    if (label.id.empty() && label.name.empty()) {
      throw Error(ErrorParts{.what = "the label file has an empty line",
                             .where = fmt::format("{}, line {}", path.string(), labels.size() + 1),
                             .expected = "one class per line"});
    }
    labels.push_back(label);
    begin = end + 1;
  }
  if (labels.empty()) {
    throw Error(ErrorParts{.what = "the label file holds no labels", .where = path.string()});
  }
  return ClassLabels(std::move(labels));
}

ClassLabels imagenet_labels() {
  return read_label_file(assets_folder() / "imagenet1k_classes.txt");
}

ClassLabels numbered_labels(int count) {
  std::vector<ClassLabel> labels;
  labels.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    labels.push_back({"", fmt::format("class {}", i)});
  }
  return ClassLabels(std::move(labels));
}

}  // namespace parallax
