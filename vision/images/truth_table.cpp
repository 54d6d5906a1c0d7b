// Finds out a table's separator, header and columns from its content.
#include "vision/images/truth_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <optional>
#include <set>
#include <string_view>

#include "core/base/error.h"
#include "core/image/image_extension.h"
#include "vision/images/class_labels.h"
#include "vision/images/ilsvrc_ids.h"
#include "vision/images/truth_headings.h"
#include "vision/images/truth_json.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr char kBlanks = ' ';  // as separator: any run of blanks
constexpr std::array<char, 4> kSeparators = {'\t', ';', ',', kBlanks};
constexpr size_t kLinesLookedAt = 100;

struct Record {
  std::vector<std::string> fields;
  int line = 0;
};

std::string trimmed_field(std::string_view text) {
  const char* blanks = " \t\r\n";
  const size_t first = text.find_first_not_of(blanks);
  return first == std::string_view::npos
             ? ""
             : std::string(text.substr(first, text.find_last_not_of(blanks) - first + 1));
}

bool is_class_number(const std::string& word) {
  return !word.empty() && word.size() <= 9 &&
         std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c); });
}

// A line at blanks: the image, which may hold some if its extension shows where it ends, and the
// rest.
std::vector<std::string> split_at_blanks(const std::string& line) {
  std::vector<std::string> fields;
  size_t begin = 0;
  size_t word = 0;  // with the blank before it: a name that begins with a dot has no extension
  for (size_t at = line.find(' '); at != std::string::npos; at = line.find(' ', at + 1)) {
    const bool is_image = has_image_extension(line.substr(word, at - word));
    word = at;
    if (is_image) {
      fields.push_back(trimmed_field(line.substr(0, at)));
      begin = at + 1;
      break;
    }
  }
  while (begin < line.size()) {
    const size_t end = std::min(line.find(' ', begin), line.size());
    if (end > begin) {
      fields.push_back(trimmed_field(line.substr(begin, end - begin)));
    }
    begin = end + 1;
  }
  return fields;
}

// The file's records at one separator. Blank lines do not count; lines end in LF, CRLF or CR.
class RecordReader {
 public:
  RecordReader(const std::string& text, char separator) : text_(text), separator_(separator) {}

  std::vector<Record> all(size_t most = std::string::npos) {
    std::vector<Record> records;
    while (at_ < text_.size() && records.size() < most) {
      Record record{.line = line_};
      if (separator_ == kBlanks) {
        record.fields = split_at_blanks(trimmed_field(rest_of_line()));
      } else {
        while (field(record)) {
        }
      }
      const bool blank =
          record.fields.empty() || (record.fields.size() == 1 && record.fields.front().empty());
      if (!blank) {
        records.push_back(std::move(record));
      }
    }
    return records;
  }

 private:
  std::string rest_of_line() {
    const size_t end = std::min(text_.find_first_of("\r\n", at_), text_.size());
    std::string line = text_.substr(at_, end - at_);
    at_ = end;
    end_line();
    return line;
  }

  void end_line() {
    if (at_ < text_.size() && text_[at_] == '\r') {
      ++at_;
      at_ += at_ < text_.size() && text_[at_] == '\n' ? 1 : 0;
    } else {
      ++at_;
    }
    ++line_;
  }

  // Appends one field; false if it was the line's last.
  bool field(Record& record) {
    std::string value;
    while (at_ < text_.size() && text_[at_] == ' ') {
      ++at_;
    }
    if (at_ < text_.size() && text_[at_] == '"') {
      for (++at_; at_ < text_.size(); ++at_) {
        if (text_[at_] == '"') {
          ++at_;
          if (at_ == text_.size() || text_[at_] != '"') {
            break;
          }
        }
        line_ += text_[at_] == '\n' ? 1 : 0;
        value += text_[at_];
      }
    }
    while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n' &&
           text_[at_] != '\r') {
      value += text_[at_++];
    }
    record.fields.push_back(trimmed_field(value));
    if (at_ < text_.size() && text_[at_] == separator_) {
      ++at_;
      return true;
    }
    end_line();
    return false;
  }

  const std::string& text_;
  char separator_;
  size_t at_ = 0;
  int line_ = 1;
};

// The first separator that divides all of the first lines; none: the file has one column.
std::optional<char> find_separator(const std::string& text) {
  for (const char separator : kSeparators) {
    const std::vector<Record> records = RecordReader(text, separator).all(kLinesLookedAt);
    if (!records.empty() && std::all_of(records.begin(), records.end(), [](const Record& record) {
          return record.fields.size() >= 2;
        })) {
      return separator;
    }
  }
  return std::nullopt;
}

// Of the records, the share whose field of that column is so.
template <class Predicate>
double share_of(const std::vector<Record>& records, size_t column, const Predicate& is_so) {
  const auto count = std::count_if(records.begin(), records.end(), [&](const Record& record) {
    return column < record.fields.size() && is_so(record.fields[column]);
  });
  return static_cast<double>(count) / static_cast<double>(records.size());
}

// "n01443537" begins a field of one or more WordNet ids.
bool begins_with_wordnet_id(const std::string& field) {
  const size_t end = field.find(' ');
  return is_wordnet_id(end == std::string::npos ? field : field.substr(0, end));
}

struct Columns {
  bool header = false;
  bool is_named = false;  // the header names both
  size_t image = 0;
  size_t words = 1;
};

Columns find_columns(const std::vector<Record>& records, const std::string& where) {
  const std::vector<std::string>& first = records.front().fields;
  const auto heading = [&](const auto& is_called_so) -> std::optional<size_t> {
    const auto found = std::find_if(first.begin(), first.end(), is_called_so);
    return found == first.end() ? std::nullopt : std::optional<size_t>(found - first.begin());
  };
  const auto is_image = [](const std::string& field) {
    return has_image_extension(field) || !unread_picture_kind(field).empty();
  };
  const bool first_is_image = std::any_of(first.begin(), first.end(), is_image);
  const auto image = first_is_image ? std::nullopt : heading(is_image_heading);
  const auto words = first_is_image ? std::nullopt : heading(is_class_heading);
  Columns columns{.header = image.has_value() || words.has_value()};
  const auto best = [&](const auto& is_so, std::optional<size_t> not_this) {
    size_t found = not_this == 0U ? 1 : 0;
    for (size_t i = 0; i < first.size(); ++i) {
      if (i != not_this && share_of(records, i, is_so) > share_of(records, found, is_so)) {
        found = i;
      }
    }
    return found;
  };
  columns.image = best(is_image, words);
  if (image && share_of(records, columns.image, is_image) == 0) {
    columns.image = *image;
  }
  columns.words =
      words && words != columns.image ? *words : best(begins_with_wordnet_id, columns.image);
  if (!columns.header && !first_is_image) {
    const std::vector<Record> rest(records.begin() + 1, records.end());
    columns.header = !rest.empty() && share_of(rest, columns.image, is_image) == 1;
  }
  columns.is_named = image.has_value() && words.has_value();
  const bool is_known = words || share_of(records, columns.words, begins_with_wordnet_id) > 0;
  if (!is_known && first.size() > 2 && columns.header) {
    throw Error(ErrorParts{.what = "nothing says which column of the file of labels is the class",
                           .where = where,
                           .expected = "a heading such as 'label'",
                           .got = fmt::format("'{}'", fmt::join(first, "', '"))});
  }
  if (!is_known) {
    // Lists without headings have it behind the image; pandas writes a row's number before that.
    columns.words = columns.image + 1 < first.size() ? columns.image + 1 : columns.image - 1;
  }
  return columns;
}

// Kaggle's field holds an id and a box per object.
std::vector<std::string> words_of(const std::string& field) {
  if (!begins_with_wordnet_id(field)) {
    return field.empty() ? std::vector<std::string>{} : std::vector<std::string>{field};
  }
  std::vector<std::string> words;
  std::set<std::string> seen;
  for (const std::string& word : split_at_blanks(field)) {
    if (is_wordnet_id(word) && seen.insert(word).second) {
      words.push_back(word);
    }
  }
  return words;
}

void read_columns(TruthTable& table, const std::vector<Record>& records) {
  const Columns columns = find_columns(records, table.path.string());
  for (size_t i = columns.header ? 1 : 0; i < records.size(); ++i) {
    const Record& record = records[i];
    table.columns = std::max(table.columns, static_cast<int>(record.fields.size()));
    if (std::max(columns.image, columns.words) >= record.fields.size()) {
      throw Error(ErrorParts{.what = "a line of the file of labels lacks a column",
                             .where = fmt::format("{}, line {}", table.path.string(), record.line),
                             .expected = "an image and its class"});
    }
    table.rows.push_back({.image = record.fields[columns.image],
                          .words = words_of(record.fields[columns.words]),
                          .line = record.line});
  }
  // Hugging Face's metadata.csv may have more of them beside these two.
  if (columns.is_named && heading_key(table.path.stem()) == "metadata") {
    table.columns = 2;
  }
}

// One word per line, in the order of ILSVRC's validation images.
void read_positions(TruthTable& table, const std::string& text) {
  table.by_position = true;
  table.columns = 1;
  bool numbers = true;
  for (const Record& record : RecordReader(text, '\t').all()) {
    numbers = numbers && is_class_number(record.fields.front());
    table.rows.push_back({.words = {record.fields.front()}, .line = record.line});
  }
  if (!numbers) {
    return;
  }
  if (heading_key(table.path.filename()).find("groundtruth") == std::string::npos) {
    throw Error(ErrorParts{.what = "the file of labels holds numbers alone",
                           .where = table.path.string(),
                           .expected = "an image and its class per line, or ILSVRC's "
                                       "ILSVRC2012_validation_ground_truth.txt by that name"});
  }
  const std::vector<std::string> ids = read_ilsvrc_ids(table.path);
  for (TruthRow& row : table.rows) {
    const auto id = static_cast<size_t>(std::stoi(row.words.front()));
    if (id == 0 || id >= ids.size() || ids[id].empty()) {
      throw Error(ErrorParts{.what = "this line holds no ILSVRC id",
                             .where = fmt::format("{}, line {}", table.path.string(), row.line),
                             .expected = fmt::format("1 to {}", ids.size() - 1),
                             .got = row.words.front()});
    }
    row.words = {ids[id]};
  }
}

}  // namespace

TruthTable read_truth_table(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw Error(ErrorParts{.what = "the file of labels cannot be opened", .where = path.string()});
  }
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    throw Error(ErrorParts{.what = "the file of labels is in UTF-16",
                           .where = path.string(),
                           .remedy = "Save it as UTF-8."});
  }
  text.erase(0, text.starts_with("\xef\xbb\xbf") ? 3 : 0);
  if (text.starts_with("sep=")) {  // a spreadsheet's line for itself
    text.erase(0, text.find('\n'));
  }
  TruthTable table{.path = path};
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) {
    throw Error(ErrorParts{.what = "the file of labels is empty", .where = path.string()});
  }
  if (text[first] == '[' || text[first] == '{') {
    read_truth_json(table, text);
  } else if (const auto separator = find_separator(text)) {
    read_columns(table, RecordReader(text, *separator).all());
  } else {
    read_positions(table, text);
  }
  if (table.rows.empty()) {
    throw Error(ErrorParts{.what = "the file of labels has no entries", .where = path.string()});
  }
  return table;
}

}  // namespace parallax
