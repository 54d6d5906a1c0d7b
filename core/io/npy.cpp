// The format is described in numpy.lib.format: a magic string, a version, the length of a header,
// and the header, a Python dictionary as text.
#include "core/io/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/io/input_file.h"

namespace parallax {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::uint64_t kLongestHeader = 1 << 16;
constexpr std::size_t kMostDimensions = 64;  // NumPy's own limit

// What the header says.
struct NpyHeader {
  std::string type;  // "<f8"
  bool is_fortran = false;
  std::vector<std::size_t> shape;
  std::uint64_t end = 0;  // where the numbers begin, from the array's own beginning
};

// Where the bytes are: a file, which may be too large to be read before its header is, or a text.
struct NpySource {
  std::string where;
  std::uint64_t size = 0;
  std::function<std::string(std::uint64_t offset, std::size_t count)> read;
};

Error broken(const NpySource& source, const std::string& what) {
  return Error(ErrorParts{.what = what,
                          .where = source.where,
                          .expected = "a .npy file of float32 or float64 numbers"});
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
}

// What follows a key of the dictionary and its colon; empty if there is no such key. By hand:
// std::regex goes one level of calls deeper for each character that a long header repeats.
std::string_view value_of(std::string_view text, std::string_view key) {
  for (std::size_t at = text.find(key); at != text.npos; at = text.find(key, at + 1)) {
    std::string_view rest = text.substr(at + key.size());
    skip_blanks(rest);
    if (rest.starts_with(':')) {
      rest.remove_prefix(1);
      skip_blanks(rest);
      return rest;
    }
  }
  return {};
}

// The text between two characters, of which the first begins the value.
std::optional<std::string_view> between(std::string_view value, char first, char last) {
  const std::size_t end = value.starts_with(first) ? value.find(last, 1) : value.npos;
  return end == value.npos ? std::nullopt : std::optional(value.substr(1, end - 1));
}

// Numbers between commas; nothing if they are none, or too many.
std::optional<std::vector<std::size_t>> shape_of(std::string_view text) {
  std::vector<std::size_t> shape;
  for (skip_blanks(text); !text.empty(); skip_blanks(text)) {
    std::size_t side = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), side);
    if (error != std::errc() || shape.size() == kMostDimensions) {
      return std::nullopt;
    }
    shape.push_back(side);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    skip_blanks(text);
    if (!text.empty() && text.front() != ',') {
      return std::nullopt;
    }
    text.remove_prefix(text.empty() ? 0 : 1);
  }
  return shape;
}

NpyHeader read_header(const NpySource& source) {
  constexpr std::size_t kPreface = 12;
  if (source.size < kPreface || source.read(0, kMagic.size()) != kMagic) {
    throw broken(source, "this is no .npy file");
  }
  const std::string preface = source.read(0, kPreface);
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint64_t>(static_cast<unsigned char>(preface[i]));
  };
  const bool is_first = byte(6) == 1;
  const std::uint64_t begin = is_first ? 10 : 12;
  std::uint64_t length = byte(8) | byte(9) << 8U;
  if (!is_first) {
    length |= byte(10) << 16U | byte(11) << 24U;
  }
  if (length > kLongestHeader || begin + length > source.size) {
    throw broken(source, "the header is cut off");
  }
  const std::string text = source.read(begin, length);
  const auto type = between(value_of(text, "'descr'"), '\'', '\'');
  const std::string_view order = value_of(text, "'fortran_order'");
  const auto sides = between(value_of(text, "'shape'"), '(', ')');
  const auto shape = sides ? shape_of(*sides) : std::nullopt;
  if (!type || !(order.starts_with("True") || order.starts_with("False")) || !shape) {
    throw broken(source, "the header cannot be read");
  }
  return {.type = std::string(*type),
          .is_fortran = order.starts_with("True"),
          .shape = *shape,
          .end = begin + length};
}

// The element at `index` of the C order, where the file has Fortran's.
std::size_t fortran_index(std::size_t index, const std::vector<std::size_t>& shape) {
  std::vector<std::size_t> position(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    position[axis] = index % shape[axis];
    index /= shape[axis];
  }
  std::size_t result = 0;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    result = result * shape[axis] + position[axis];
  }
  return result;
}

NpyArray read_array(const NpySource& source) {
  const NpyHeader header = read_header(source);
  const std::size_t width = header.type == "<f8" ? 8 : header.type == "<f4" ? 4 : 0;
  if (width == 0) {
    throw broken(source, fmt::format("numbers of type '{}' are not read", header.type));
  }
  const std::uint64_t count = (source.size - header.end) / width;
  std::uint64_t expected = 1;
  for (const std::size_t side : header.shape) {
    if (side != 0 && expected > count / side) {
      throw broken(source, "the file has fewer numbers than its header says");
    }
    expected *= side;
  }
  if (expected != count || header.end + count * width != source.size) {
    throw broken(source, "the file's size is not what its header says");
  }
  const std::string bytes = source.read(header.end, count * width);
  NpyArray array{.shape = header.shape};
  array.values.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t from = header.is_fortran ? fortran_index(i, header.shape) : i;
    if (width == 8) {
      std::memcpy(&array.values[i], bytes.data() + from * width, width);
    } else {
      float value = 0;
      std::memcpy(&value, bytes.data() + from * width, width);
      array.values[i] = value;
    }
  }
  return array;
}

}  // namespace

NpyArray read_npy(const std::filesystem::path& path) {
  const InputFile file(path);
  return read_array(
      {.where = file.name(),
       .size = file.size(),
       .read = [&](std::uint64_t offset, std::size_t count) { return file.read(offset, count); }});
}

NpyArray read_npy(std::string_view bytes, const std::string& where) {
  return read_array(
      {.where = where, .size = bytes.size(), .read = [&](std::uint64_t offset, std::size_t count) {
         return std::string(bytes.substr(offset, count));
       }});
}

}  // namespace parallax
