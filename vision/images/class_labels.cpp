// Reads label files and matches folder names to classes.
#include "vision/images/class_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <fstream>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/base/paths.h"
#include "core/files/letter_marks.h"

namespace parallax {
namespace {

constexpr const char* kIdPrefix = "id ";  // in the index; keys of names begin with digits

std::string trimmed(const std::string& text) {
  const char* blanks = " \t\r\n";
  const size_t first = text.find_first_not_of(blanks);
  return first == std::string::npos ? ""
                                    : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// How much of a name's spelling counts when names are compared.
enum class Spelling { kLiteral, kAnyBlanks, kAnyCase };
constexpr Spelling kSpellings[] = {Spelling::kLiteral, Spelling::kAnyBlanks, Spelling::kAnyCase};

// A class's own name, or one that it shares with others.
enum class NameRank { kOwn, kSynonym };

std::string respelled(const std::string& name, Spelling spelling) {
  if (spelling == Spelling::kLiteral) {
    return name;
  }
  std::string key;
  for (const char c : name) {
    const bool blank = c == ' ' || c == '_' || c == '-' || c == '\t' || c == ',';
    if (!blank) {
      key += spelling == Spelling::kAnyCase
                 ? static_cast<char>(std::tolower(static_cast<unsigned char>(c)))
                 : c;
    } else if (!key.empty() && key.back() != ' ') {
      key += ' ';
    }
  }
  return trimmed(key);
}

// The key of the index; the best matches come first in the order of rank and spelling.
std::string index_key(const std::string& name, NameRank rank, Spelling spelling) {
  return fmt::format("{}{}{}",
                     static_cast<int>(rank),
                     static_cast<int>(spelling),
                     respelled(decomposed(name), spelling));
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
  if (is_wordnet_id(first) &&
      (text.size() == kWordNetIdLength || std::isblank(static_cast<unsigned char>(text[9])) != 0)) {
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

// timm's Hub configuration: names, which may be WordNet ids, and descriptions of them.
ClassLabels labels_of_timm(const nlohmann::json& config, const std::string& where) {
  std::vector<ClassLabel> labels;
  const nlohmann::json descriptions = config.value("label_descriptions", nlohmann::json::object());
  for (const nlohmann::json& name : config.at("label_names")) {
    ClassLabel label = parse_json_label(name, where);
    const std::string key = label.id.empty() ? label.name : label.id;
    if (descriptions.is_object() && descriptions.contains(key) &&
        descriptions.at(key).is_string()) {
      label = {label.id, descriptions.at(key).get<std::string>()};
    }
    labels.push_back(std::move(label));
  }
  return ClassLabels(std::move(labels));
}

}  // namespace

bool is_wordnet_id(const std::string& text) {
  return text.size() == kWordNetIdLength && text[0] == 'n' &&
         std::all_of(text.begin() + 1, text.end(), [](unsigned char c) { return std::isdigit(c); });
}

ClassLabels::ClassLabels(std::vector<ClassLabel> labels) : labels_(std::move(labels)) {
  const auto put = [&](const std::string& key, int index) {
    std::vector<int>& classes = by_key_[key];
    if (classes.empty() || classes.back() != index) {  // indices come in ascending order
      classes.push_back(index);
    }
  };
  for (int i = 0; i < size(); ++i) {
    const ClassLabel& label = labels_[static_cast<size_t>(i)];
    if (!label.id.empty()) {
      put(kIdPrefix + label.id, i);
    }
    if (label.name.empty()) {
      continue;
    }
    const std::vector<std::string> names = synonyms(label.name);
    for (const Spelling spelling : kSpellings) {
      put(index_key(label.name, NameRank::kOwn, spelling), i);
      put(index_key(names.front(), NameRank::kOwn, spelling), i);
      for (const std::string& name : names) {
        put(index_key(name, NameRank::kSynonym, spelling), i);
      }
    }
  }
}

std::string ClassLabels::short_name(int index) const {
  const ClassLabel& label = (*this)[index];
  return label.name.empty() ? label.id : trimmed(label.name.substr(0, label.name.find(',')));
}

const std::vector<int>& ClassLabels::matches(const std::string& id_or_name) const {
  static const std::vector<int> none;
  const std::string word = trimmed(id_or_name);
  if (word.empty()) {
    return none;
  }
  if (const auto it = by_key_.find(kIdPrefix + word); it != by_key_.end()) {
    return it->second;
  }
  for (const NameRank rank : {NameRank::kOwn, NameRank::kSynonym}) {
    for (const Spelling spelling : kSpellings) {
      const auto it = by_key_.find(index_key(word, rank, spelling));
      if (it != by_key_.end()) {
        return it->second;
      }
    }
  }
  // "n02085620-Chihuahua", as Stanford Dogs names its folders.
  const std::string id = word.substr(0, kWordNetIdLength);
  const auto it = by_key_.find(kIdPrefix + id);
  return it != by_key_.end() && is_wordnet_id(id) &&
                 std::isalnum(static_cast<unsigned char>(word[kWordNetIdLength])) == 0
             ? it->second
             : none;
}

std::optional<int> ClassLabels::find(const std::string& id_or_name) const {
  const std::vector<int>& classes = matches(id_or_name);
  return classes.size() == 1 ? std::optional(classes.front()) : std::nullopt;
}

ClassLabels labels_from_json(const nlohmann::json& json, const std::string& where) {
  if (json.is_object() && json.contains("id2label")) {
    return labels_from_json(json.at("id2label"), where);
  }
  if (json.is_object() && json.contains("label_names") && json.at("label_names").is_array()) {
    return labels_of_timm(json, where);
  }
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
    const nlohmann::json json = parse_json(text, path.string());
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
