// The format is described in numpy.lib.format: a magic string, a version, the length of a header,
// and the header, a Python dictionary as text.
#include "core/io/npy.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <regex>
#include <string>

#include "core/base/error.h"
#include "core/io/input_file.h"

namespace parallax {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::uint64_t kLongestHeader = 1 << 16;

// What the header says.
struct NpyHeader {
  std::string type;  // "<f8"
  bool is_fortran = false;
  std::vector<std::size_t> shape;
  std::uint64_t end = 0;  // where the numbers begin
};

Error broken(const InputFile& file, const std::string& what) {
  return Error(ErrorParts{
      .what = what, .where = file.name(), .expected = "a .npy file of float32 or float64 numbers"});
}

// The group of the first match, or nothing.
std::optional<std::string> find(const std::string& text, const char* pattern) {
  std::smatch match;
  return std::regex_search(text, match, std::regex(pattern)) ? std::optional(match[1].str())
                                                             : std::nullopt;
}

NpyHeader read_header(const InputFile& file) {
  constexpr std::size_t kPreface = 12;
  if (file.size() < kPreface || file.read(0, kMagic.size()) != kMagic) {
    throw broken(file, "this is no .npy file");
  }
  const std::string preface = file.read(0, kPreface);
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint64_t>(static_cast<unsigned char>(preface[i]));
  };
  const bool is_first = byte(6) == 1;
  const std::uint64_t begin = is_first ? 10 : 12;
  std::uint64_t length = byte(8) | byte(9) << 8U;
  if (!is_first) {
    length |= byte(10) << 16U | byte(11) << 24U;
  }
  if (length > kLongestHeader || begin + length > file.size()) {
    throw broken(file, "the header is cut off");
  }
  const std::string text = file.read(begin, length);
  const auto type = find(text, R"('descr'\s*:\s*'([^']*)')");
  const auto order = find(text, R"('fortran_order'\s*:\s*(True|False))");
  const auto shape = find(text, R"('shape'\s*:\s*\(([\d\s,]*)\))");
  if (!type || !order || !shape) {
    throw broken(file, "the header cannot be read");
  }
  NpyHeader header{.type = *type, .is_fortran = *order == "True", .end = begin + length};
  const std::regex number(R"(\d{1,18})");
  for (std::sregex_iterator i(shape->begin(), shape->end(), number), end; i != end; ++i) {
    header.shape.push_back(std::stoull(i->str()));
  }
  return header;
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

}  // namespace

NpyArray read_npy(const std::filesystem::path& path) {
  const InputFile file(path);
  const NpyHeader header = read_header(file);
  const std::size_t width = header.type == "<f8" ? 8 : header.type == "<f4" ? 4 : 0;
  if (width == 0) {
    throw broken(file, fmt::format("numbers of type '{}' are not read", header.type));
  }
  const std::uint64_t count = (file.size() - header.end) / width;
  std::uint64_t expected = 1;
  for (const std::size_t side : header.shape) {
    if (side != 0 && expected > count / side) {
      throw broken(file, "the file has fewer numbers than its header says");
    }
    expected *= side;
  }
  if (expected != count || header.end + count * width != file.size()) {
    throw broken(file, "the file's size is not what its header says");
  }
  const std::string bytes = file.read(header.end, count * width);
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

}  // namespace parallax
