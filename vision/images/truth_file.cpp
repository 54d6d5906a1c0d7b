// Indexes entries by the last part of their paths.
#include "vision/images/truth_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "core/base/error.h"
#include "core/base/lower_case.h"
#include "core/files/letter_marks.h"
#include "core/image/image_extension.h"
#include "vision/images/folder_contents.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

std::string without_extension(const std::string& name) {
  const bool has = has_image_extension(name) || !unread_picture_kind(name).empty();
  return has ? name.substr(0, name.rfind('.')) : name;
}

// The name in small letters, marks apart.
std::string comparable(const std::string& name) { return lower_case(decomposed(name)); }

std::string key_of(const fs::path& path) {
  return comparable(without_extension(path.filename().string()));
}

// With the separators of any system.
fs::path entry_path(std::string text) {
  std::replace(text.begin(), text.end(), '\\', '/');
  return fs::path(text).lexically_normal();
}

bool same_part(const std::string& a, const std::string& b, bool is_last) {
  if (a == b || !is_last) {
    return a == b || decomposed(a) == decomposed(b);
  }
  // "x" or "X.JPG" for "x.jpg", but not "x.png".
  const bool one_has_none = without_extension(a) == a || without_extension(b) == b;
  return one_has_none ? comparable(without_extension(a)) == comparable(without_extension(b))
                      : comparable(a) == comparable(b);
}

// Whether all parts of `tail` are the last ones of `path`.
bool ends_with(const fs::path& path, const fs::path& tail) {
  auto left = path.end();
  auto right = tail.end();
  bool is_last = true;
  while (right != tail.begin()) {
    if (left == path.begin() || !same_part((--left)->string(), (--right)->string(), is_last)) {
      return false;
    }
    is_last = false;
  }
  return true;
}

// The number N of "ILSVRC2012_val_0000000N", from 1; 0 for other names.
size_t validation_number(const fs::path& image) {
  const std::string stem = without_extension(image.filename().string());
  const std::string mark = "_val_";
  const size_t at = stem.rfind(mark);
  size_t number = 0;
  if (at != std::string::npos) {
    const char* end = stem.data() + stem.size();
    const auto result = std::from_chars(stem.data() + at + mark.size(), end, number);
    number = result.ptr == end && result.ec == std::errc() ? number : 0;
  }
  return number;
}

}  // namespace

TruthFile::TruthFile(TruthTable table, const ClassLabels& labels)
    : path_(table.path),
      folder_(fs::absolute(table.path).lexically_normal().parent_path()),
      by_position_(table.by_position),
      columns_(table.columns) {
  resolve(table, labels);
  for (size_t i = 0; i < entries_.size(); ++i) {
    by_name_.emplace(key_of(entries_[i].image), i);
  }
}

void TruthFile::resolve(const TruthTable& table, const ClassLabels& labels) {
  size_t unknown = 0;
  size_t ambiguous = 0;
  size_t known = 0;
  size_t numbers = 0;
  std::string first_unknown;
  std::string first_ambiguous;
  std::string first_beyond;
  for (const TruthRow& row : table.rows) {
    Entry entry{.image = entry_path(row.image)};
    for (const std::string& word : row.words) {
      const std::vector<int>& matches = labels.matches(word);
      const int number = matches.empty() ? folder_number(word) : -1;
      if (matches.size() == 1 || (number >= 0 && number < labels.size())) {
        entry.classes.push_back(matches.empty() ? number : matches.front());
        ++known;
        numbers += matches.empty() ? 1 : 0;
      } else if (matches.empty() && unknown++ == 0) {
        first_unknown = fmt::format("'{}' in line {}", word, row.line);
      } else if (!matches.empty() && ambiguous++ == 0) {
        first_ambiguous = fmt::format("'{}' in line {}", word, row.line);
      }
      if (number >= labels.size() && first_beyond.empty()) {
        first_beyond = fmt::format("'{}' in line {}", word, row.line);
      }
    }
    entries_.push_back(std::move(entry));
  }
  if (numbers == known && !first_beyond.empty()) {
    throw ForeignNumbersError(
        ErrorParts{.what = "the numbers in the file of labels are not the model's class indices",
                   .where = path_.string(),
                   .expected = fmt::format("indices from 0 to {}", labels.size() - 1),
                   .got = first_beyond,
                   .remedy = "If they count from 1, subtract 1; or use names or WordNet ids."});
  }
  if (known == 0) {
    throw Error(ErrorParts{.what = "no entry of the file of labels denotes a class of the model",
                           .where = path_.string(),
                           .expected = "WordNet ids, names, or indices from 0",
                           .got = first_unknown.empty() ? first_ambiguous : first_unknown});
  }
  if (unknown > 0) {
    notes_.push_back(fmt::format("{}: {} entries name no class of the model, the first being {}",
                                 path_.string(),
                                 unknown,
                                 first_unknown));
  }
  if (ambiguous > 0) {
    notes_.push_back(fmt::format(
        "{}: {} entries have a name of several classes, the first being {}: use WordNet ids",
        path_.string(),
        ambiguous,
        first_ambiguous));
  }
}

std::optional<std::vector<int>> TruthFile::find(const fs::path& image) const {
  if (by_position_) {
    const size_t number = validation_number(image);
    return number >= 1 && number <= entries_.size() ? std::optional(entries_[number - 1].classes)
                                                    : std::nullopt;
  }
  const fs::path whole = fs::absolute(image).lexically_normal();
  const fs::path inside = whole.lexically_relative(folder_);
  const bool is_inside = !inside.empty() && *inside.begin() != "..";
  const auto parts = [](const fs::path& path) { return std::distance(path.begin(), path.end()); };
  std::vector<const Entry*> best;
  std::ptrdiff_t best_rank = 0;
  const auto [begin, end] = by_name_.equal_range(key_of(image));
  for (auto it = begin; it != end; ++it) {
    const Entry& entry = entries_[it->second];
    const bool is_end_of_image = ends_with(whole, entry.image);
    if (!is_end_of_image && !(is_inside && ends_with(entry.image, inside))) {
      continue;
    }
    // First counts how many parts match, then that the entry has no more, then its spelling.
    const bool is_spelt_so = entry.image.filename() == image.filename();
    const std::ptrdiff_t rank = 4 * (is_end_of_image ? parts(entry.image) : parts(inside)) +
                                (is_end_of_image ? 2 : 0) + (is_spelt_so ? 1 : 0);
    if (rank > best_rank) {
      best.clear();
      best_rank = rank;
    }
    if (rank == best_rank) {
      best.push_back(&entry);
    }
  }
  if (best.empty()) {
    return std::nullopt;
  }
  std::set<int> classes;
  for (const Entry* entry : best) {
    if (entry->image != best.front()->image) {
      return std::nullopt;  // entries of different images, all of which might be this one
    }
    classes.insert(entry->classes.begin(), entry->classes.end());
  }
  return std::vector<int>(classes.begin(), classes.end());
}

ClassLabels labels_of_words(const std::vector<std::string>& words) {
  static const ClassLabels imagenet = imagenet_labels();  // 1,000 names in several spellings
  std::vector<ClassLabel> labels;
  for (const std::string& word : words) {
    const auto known = imagenet.find(word);
    labels.push_back(known && imagenet[*known].id == word ? imagenet[*known]
                                                          : ClassLabel{"", word});
  }
  return ClassLabels(std::move(labels));
}

ClassLabels labels_of_truth_table(const TruthTable& table) {
  std::set<std::string> words;
  for (const TruthRow& row : table.rows) {
    words.insert(row.words.begin(), row.words.end());
  }
  std::vector<std::string> sorted(words.begin(), words.end());
  const auto number = [](const std::string& word) { return folder_number(word); };
  if (std::all_of(sorted.begin(), sorted.end(), [&](const auto& w) { return number(w) >= 0; })) {
    std::stable_sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) {
      return number(a) < number(b);
    });
  }
  return labels_of_words(sorted);
}

}  // namespace parallax
