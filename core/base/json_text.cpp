// Valid UTF-8 as Unicode defines it (table 3-7): no over-long forms, no surrogates. The shape of
// JSON by its brackets, commas and quotes alone.
#include "core/base/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "core/base/error.h"

namespace parallax {
namespace {

using nlohmann::json;

constexpr int kDeepestJson = 100;
constexpr std::uint64_t kMemoryPerByte = 16;
constexpr std::uint64_t kMemoryBesides = std::uint64_t{64} << 20;
// What nlohmann-json 3.11 takes with libstdc++'s containers, in bytes: of a list or object itself,
// of an element while the list's vector grows (thrice its 16 bytes), of a member's node besides,
// and of a text.
constexpr std::uint64_t kContainerBytes = 64;
constexpr std::uint64_t kElementBytes = 48;
constexpr std::uint64_t kMemberBytes = 48;
constexpr std::uint64_t kTextBytes = 48;

// Depth and memory of a document, found without parsing it.
struct JsonShape {
  int depth = 0;
  std::uint64_t memory = 0;
};

JsonShape shape_of(std::string_view text) {
  JsonShape shape{.memory = text.size()};
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '[':
      case '{':
        shape.memory += kContainerBytes + kElementBytes;
        shape.depth = std::max(shape.depth, ++depth);
        break;
      case ']':
      case '}':
        --depth;
        break;
      case ',':
        shape.memory += kElementBytes;
        break;
      case ':':
        shape.memory += kMemberBytes;
        break;
      case '"':
        shape.memory += kTextBytes;
        for (++i; i < text.size() && text[i] != '"'; ++i) {
          i += text[i] == '\\' ? 1 : 0;
        }
        break;
      default:
        break;
    }
  }
  return shape;
}

// Length of the UTF-8 character at `at`, 0 if there is none.
size_t character_length(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(at);
  const size_t length = first < 0x80   ? 1
                        : first < 0xC2 ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                        : first < 0xF5 ? 4
                                       : 0;
  if (length == 0 || at + length > text.size()) {
    return 0;
  }
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80) {
      return 0;
    }
  }
  if (length < 3) {
    return length;
  }
  const unsigned second = byte(at + 1);
  const bool over_long = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool no_character = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return over_long || no_character ? 0 : length;
}

json with_valid_text(const json& value) {
  if (value.is_string()) {
    return escape_invalid_utf8(value.get_ref<const std::string&>());
  }
  if (value.is_array()) {
    json copy = json::array();
    for (const json& element : value) {
      copy.push_back(with_valid_text(element));
    }
    return copy;
  }
  if (value.is_object()) {
    json copy = json::object();
    for (const auto& [key, member] : value.items()) {
      copy[escape_invalid_utf8(key)] = with_valid_text(member);
    }
    return copy;
  }
  return value;
}

}  // namespace

std::string escape_invalid_utf8(const std::string& text) {
  std::string escaped;
  for (size_t at = 0; at < text.size();) {
    const size_t length = character_length(text, at);
    if (length == 0) {
      escaped += fmt::format("\\x{:02X}", static_cast<unsigned char>(text[at]));
    } else {
      escaped += text.substr(at, length);
    }
    at += std::max<size_t>(1, length);
  }
  return escaped;
}

void check_json_shape(std::string_view text, const std::string& where) {
  const JsonShape shape = shape_of(text);
  if (shape.depth > kDeepestJson) {
    throw Error(ErrorParts{
        .what = "the JSON is nested too deeply",
        .where = where,
        .expected = fmt::format("at most {} lists and objects in each other", kDeepestJson),
        .got = fmt::format("{}", shape.depth)});
  }
  if (shape.memory > kMemoryPerByte * text.size() + kMemoryBesides) {
    throw Error(ErrorParts{.what = "the JSON holds too many values for its size",
                           .where = where,
                           .got = fmt::format("{} bytes of it", text.size())});
  }
}

json parse_json(std::string_view text, const std::string& where) {
  check_json_shape(text, where);
  return json::parse(text, nullptr, false);
}

std::string json_reason(const json::exception& error) {
  // "[json.exception.parse_error.101] parse error at line 3, column 5: …"
  const std::string_view what = error.what();
  const size_t begin = what.find("] ");
  return std::string(begin == std::string_view::npos ? what : what.substr(begin + 2));
}

std::string dump_json(const json& value, int indent) {
  try {
    return value.dump(indent);
  } catch (const json::type_error&) {  // the only reason: invalid UTF-8
    return with_valid_text(value).dump(indent);
  }
}

}  // namespace parallax
