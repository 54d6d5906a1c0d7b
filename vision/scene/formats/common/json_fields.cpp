// Typed reading of JSON fields.
#include "vision/scene/formats/common/json_fields.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <string_view>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/io/input_file.h"
#include "vision/scene/camera.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A camera list of a hundred thousand views takes about 50 MB.
constexpr std::uint64_t kMaxJsonBytes = 512ULL << 20;

constexpr bool kIgnoresComments = true;

std::string read_text(const fs::path& path) {
  const InputFile file(path);
  if (file.size() > kMaxJsonBytes) {
    throw Error(ErrorParts{.what = "the file is too large for a list of cameras",
                           .where = path.string(),
                           .expected = fmt::format("at most {} bytes", kMaxJsonBytes),
                           .got = fmt::format("{}", file.size())});
  }
  return file.read(0, file.size());
}

// Puts quotes around the bare words NaN, Infinity and -Infinity outside strings.
std::string quote_bare_numbers(std::string_view text) {
  std::string quoted;
  quoted.reserve(text.size());
  bool in_string = false;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (!in_string && (c == '-' || c == 'I' || c == 'N')) {
      size_t length = 0;
      for (const std::string_view word : {"-Infinity", "Infinity", "NaN"}) {
        length = text.substr(i, word.size()) == word ? word.size() : length;
        if (length > 0) {
          break;
        }
      }
      if (length > 0) {
        quoted.append("\"").append(text.substr(i, length)).append("\"");
        i += length;
        continue;
      }
    } else if (in_string && c == '\\' && i + 1 < text.size()) {
      quoted += c;
      quoted += text[i + 1];
      i += 2;
      continue;
    }
    in_string = c == '"' ? !in_string : in_string;
    quoted += c;
    ++i;
  }
  return quoted;
}

// A value in a short, printable form for error messages.
std::string excerpt(const json& value) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  constexpr size_t kLongest = 60;
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "…";
}

// The whole document, or a discarded value if it is not JSON.
json parse(const std::string& text, const std::set<std::string>& left_out) {
  if (left_out.empty()) {
    return json::parse(text, nullptr, false, kIgnoresComments);
  }
  const json::parser_callback_t keep = [&](int, json::parse_event_t event, json& value) {
    return event != json::parse_event_t::key || !left_out.contains(value.get<std::string>());
  };
  return json::parse(text, keep, false, kIgnoresComments);
}

double checked_number(const json& value, const std::string& where) {
  if (!value.is_number() || !std::isfinite(value.get<double>())) {
    throw Error(ErrorParts{.what = "the value is not a number",
                           .where = where,
                           .expected = "a finite number",
                           .got = excerpt(value)});
  }
  return value.get<double>();
}

template <int N>
cv::Matx<double, N, N> read_matrix(const json& rows, const std::string& where) {
  if (!rows.is_array() || rows.size() != N) {
    throw Error(
        ErrorParts{.what = fmt::format("the value is not a {0} × {0} matrix", N),
                   .where = where,
                   .expected = fmt::format("{} rows", N),
                   .got = rows.is_array() ? fmt::format("{}", rows.size()) : excerpt(rows)});
  }
  cv::Matx<double, N, N> result;
  for (int row = 0; row < N; ++row) {
    if (!rows[row].is_array() || rows[row].size() != N) {
      throw Error(ErrorParts{.what = fmt::format("row {} of the matrix is not usable", row),
                             .where = where,
                             .expected = fmt::format("{} numbers", N),
                             .got = excerpt(rows[row])});
    }
    for (int column = 0; column < N; ++column) {
      result(row, column) = checked_number(
          rows[row][column], fmt::format("{}, row {}, column {}", where, row, column));
    }
  }
  return result;
}

}  // namespace

json read_json_file(const fs::path& path, const std::set<std::string>& left_out) {
  const std::string text = read_text(path);
  check_json_shape(text, path.string());
  json document = parse(text, left_out);
  if (!document.is_discarded()) {
    return document;
  }
  const bool has_bare_numbers =
      text.find("NaN") != std::string::npos || text.find("Infinity") != std::string::npos;
  const std::string quoted = has_bare_numbers ? quote_bare_numbers(text) : text;
  document = has_bare_numbers ? parse(quoted, left_out) : document;
  if (!document.is_discarded()) {
    return document;
  }
  try {
    return json::parse(quoted, nullptr, true, kIgnoresComments);
  } catch (const json::exception& error) {
    throw Error(ErrorParts{.what = "the file is not valid JSON",
                           .where = path.string(),
                           .got = json_reason(error),
                           .remedy = "It may have been cut off while it was written or copied."});
  }
}

void read_numbers_of_text(json& fields) {
  if (!fields.is_object()) {
    return;
  }
  for (const auto& [name, value] : fields.items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : "";
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    const bool is_path = name.find("path") != std::string::npos;
    if (error == std::errc() && rest == end && std::isfinite(number) && !is_path) {
      fields[name] = number;
    }
  }
}

std::vector<double> number_list(const json& values, size_t count, const std::string& where) {
  if (!values.is_array() || values.size() != count) {
    throw Error(ErrorParts{.what = "the value is not usable",
                           .where = where,
                           .expected = fmt::format("a list of {} numbers", count),
                           .got = excerpt(values)});
  }
  std::vector<double> result;
  for (const json& value : values) {
    result.push_back(checked_number(value, where));
  }
  return result;
}

JsonFields::JsonFields(const json& object, std::string where)
    : object_(&object), where_(std::move(where)) {
  if (!object.is_object()) {
    throw Error(ErrorParts{.what = "the entry is not a JSON object",
                           .where = where_,
                           .expected = "{…} with named fields",
                           .got = excerpt(object)});
  }
}

std::string JsonFields::where(const std::string& field) const {
  return fmt::format("{}, field '{}'", where_, field);
}

const json& JsonFields::at(const std::string& field) const {
  const auto found = object_->find(field);
  if (found == object_->end()) {
    throw Error(ErrorParts{.what = "the field is missing", .where = where(field)});
  }
  return *found;
}

double JsonFields::number(const std::string& field) const {
  return checked_number(at(field), where(field));
}

double JsonFields::positive(const std::string& field) const {
  const double value = number(field);
  if (value <= 0) {
    throw Error(ErrorParts{.what = "the value is not usable",
                           .where = where(field),
                           .expected = "a positive number",
                           .got = fmt::format("{:g}", value)});
  }
  return value;
}

int JsonFields::image_side(const std::string& field) const {
  const double value = number(field);
  if (value < 1 || value > kMaxImageSide || value != std::floor(value)) {
    throw Error(ErrorParts{.what = "the image size is not usable",
                           .where = where(field),
                           .expected = fmt::format("1 to {} pixels", kMaxImageSide),
                           .got = fmt::format("{:g}", value)});
  }
  return static_cast<int>(value);
}

std::string JsonFields::text(const std::string& field) const {
  const json& value = at(field);
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    throw Error(ErrorParts{.what = "the value is not a string",
                           .where = where(field),
                           .expected = "a string that is not empty",
                           .got = excerpt(value)});
  }
  return value.get<std::string>();
}

std::string JsonFields::text_or_empty(const std::string& field) const {
  const bool is_empty = !has(field) || at(field) == "";
  return is_empty ? "" : text(field);
}

std::int64_t JsonFields::index(const std::string& field) const {
  constexpr double kLargest = 4294967295;
  const double value = number(field);
  if (value < 0 || value > kLargest || value != std::floor(value)) {
    throw Error(ErrorParts{.what = "the value is not usable",
                           .where = where(field),
                           .expected = "a whole number of 32 bits",
                           .got = fmt::format("{:g}", value)});
  }
  return static_cast<std::int64_t>(value);
}

bool JsonFields::flag(const std::string& field) const {
  const json& value = at(field);
  if (value.is_boolean()) {
    return value.get<bool>();
  }
  if (value == 0 || value == 1) {
    return value == 1;
  }
  throw Error(ErrorParts{.what = "the value is not usable",
                         .where = where(field),
                         .expected = "true or false",
                         .got = excerpt(value)});
}

cv::Matx44d JsonFields::matrix(const std::string& field) const {
  return read_matrix<4>(at(field), where(field));
}

cv::Matx44d JsonFields::pose(const std::string& field) const {
  json rows = at(field);
  if (rows.is_array() && rows.size() == 3) {
    rows.push_back({0, 0, 0, 1});
  }
  return read_matrix<4>(rows, where(field));
}

cv::Matx33d JsonFields::matrix3(const std::string& field) const {
  return read_matrix<3>(at(field), where(field));
}

std::vector<double> JsonFields::numbers(const std::string& field, size_t count) const {
  return number_list(at(field), count, where(field));
}

Camera JsonFields::intrinsics() const {
  Camera camera;
  camera.width = image_side("w");
  camera.height = image_side("h");
  camera.fx = positive("fx");
  camera.fy = positive("fy");
  camera.cx = number("cx");
  camera.cy = number("cy");
  return camera;
}

const json& JsonFields::object(const std::string& field) const {
  const json& value = at(field);
  if (!value.is_object()) {
    throw Error(ErrorParts{
        .what = "the value is not a JSON object", .where = where(field), .got = excerpt(value)});
  }
  return value;
}

const json& JsonFields::list(const std::string& field) const {
  const json& value = at(field);
  if (!value.is_array()) {
    throw Error(ErrorParts{
        .what = "the value is not a list", .where = where(field), .got = excerpt(value)});
  }
  return value;
}

}  // namespace parallax
