// Reads PLY's header and values.
#include "vision/synth/meshes/ply_file.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <sstream>

#include "vision/synth/meshes/mesh_parts.h"

namespace parallax {
namespace {

static_assert(std::endian::native == std::endian::little, "bytes are swapped for big-endian files");

constexpr std::array<PlyType, 8> kPlyTypes = {{
    {"char", "int8", 1, false, true, 127},
    {"uchar", "uint8", 1, false, false, 255},
    {"short", "int16", 2, false, true, 32767},
    {"ushort", "uint16", 2, false, false, 65535},
    {"int", "int32", 4, false, true, 2147483647},
    {"uint", "uint32", 4, false, false, 4294967295.0},
    {"float", "float32", 4, true, true, 1},
    {"double", "float64", 8, true, true, 1},
}};

template <typename T>
double ply_value(const std::array<char, 8>& raw) {
  T value;
  std::memcpy(&value, raw.data(), sizeof(T));
  return static_cast<double>(value);
}

}  // namespace

int PlyElement::find(std::initializer_list<std::string_view> names) const {
  for (std::size_t i = 0; i < properties.size(); ++i) {
    if (std::find(names.begin(), names.end(), properties[i].name) != names.end()) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

PlyFile::PlyFile(const std::filesystem::path& path) : file_(path) {
  bytes_ = file_.read(0, static_cast<std::size_t>(file_.size()));
  read_header();
}

void PlyFile::fail(const std::string& got) const { throw broken_mesh(file_.name(), got); }

std::string PlyFile::next_line() {
  const std::size_t end = bytes_.find('\n', at_);
  if (end == std::string::npos) {
    fail("a header without its end");
  }
  std::string line = bytes_.substr(at_, end - at_);
  at_ = end + 1;
  if (!line.empty() && line.back() == '\r') {
    line.pop_back();
  }
  return line;
}

PlyType PlyFile::type_named(const std::string& name) const {
  for (const PlyType& type : kPlyTypes) {
    if (name == type.name || name == type.other_name) {
      return type;
    }
  }
  fail("a property of the unknown type '" + name + "'");
}

void PlyFile::read_header() {
  if (next_line() != "ply") {
    fail("a file that does not begin with 'ply'");
  }
  for (;;) {
    const std::string line = next_line();
    std::istringstream words(line);
    std::string keyword;
    words >> keyword;
    if (keyword == "end_header") {
      return;
    }
    if (keyword == "format") {
      words >> keyword;
      read_format(keyword);
    } else if (keyword == "element") {
      PlyElement element;
      if (!(words >> element.name >> element.count)) {
        fail("the header line '" + line + "'");
      }
      elements_.push_back(std::move(element));
    } else if (keyword == "property") {
      read_property(line);
    } else if (keyword == "comment") {
      comments_.push_back(line.substr(std::min(line.size(), line.find("comment") + 8)));
    } else if (keyword != "obj_info" && !keyword.empty()) {
      fail("the header line '" + line + "'");
    }
  }
}

void PlyFile::read_format(const std::string& format) {
  if (format == "binary_little_endian") {
    encoding_ = Encoding::kLittleEndian;
  } else if (format == "binary_big_endian") {
    encoding_ = Encoding::kBigEndian;
  } else if (format != "ascii") {
    fail("the unknown format '" + format + "'");
  }
}

void PlyFile::read_property(const std::string& line) {
  std::istringstream words(line);
  PlyProperty property;
  std::string type;
  words >> type >> type;
  if (type == "list") {
    property.is_list = true;
    words >> type;
    property.count_type = type_named(type);
    words >> type;
  }
  property.type = type_named(type);
  if (elements_.empty() || !(words >> property.name)) {
    fail("the header line '" + line + "'");
  }
  elements_.back().properties.push_back(std::move(property));
}

void PlyFile::read_entries(const PlyElement& element,
                           const std::function<void(const PlyEntry&)>& take) {
  // Every entry takes at least a byte: a larger count is a damaged header, not a large mesh.
  if (element.count > bytes_.size() - at_) {
    fail("an element '" + element.name + "' of " + std::to_string(element.count) +
         " entries in a file too short for them");
  }
  PlyEntry entry(element.properties.size());
  for (std::uint64_t i = 0; i < element.count; ++i) {
    for (std::size_t p = 0; p < entry.size(); ++p) {
      const PlyProperty& property = element.properties[p];
      const double count = property.is_list ? next_value(property.count_type) : 1;
      if (!(count >= 0 && count <= static_cast<double>(bytes_.size() - at_))) {
        fail(property.is_list ? "a list of an impossible length" : "a file that ends early");
      }
      entry[p].resize(static_cast<std::size_t>(count));
      for (double& value : entry[p]) {
        value = next_value(property.type);
      }
    }
    take(entry);
  }
}

double PlyFile::next_value(const PlyType& type) {
  return encoding_ == Encoding::kAscii ? next_word() : next_number(type);
}

double PlyFile::next_word() {
  at_ = std::min(bytes_.find_first_not_of(" \t\r\n", at_), bytes_.size());
  double value = 0;
  const char* const begin = bytes_.data() + at_;
  const auto [end, error] = std::from_chars(begin, bytes_.data() + bytes_.size(), value);
  if (error != std::errc()) {
    fail(at_ == bytes_.size() ? "a file that ends early" : "something that is not a number");
  }
  at_ += static_cast<std::size_t>(end - begin);
  return value;
}

double PlyFile::next_number(const PlyType& type) {
  const auto size = static_cast<std::size_t>(type.size);
  if (bytes_.size() - at_ < size) {
    fail("a file that ends early");
  }
  std::array<char, 8> raw{};
  std::memcpy(raw.data(), bytes_.data() + at_, size);
  at_ += size;
  if (encoding_ == Encoding::kBigEndian) {
    std::reverse(raw.begin(), raw.begin() + type.size);
  }
  if (type.is_float) {
    return size == 4 ? ply_value<float>(raw) : ply_value<double>(raw);
  }
  switch (size) {
    case 1:
      return type.is_signed ? ply_value<std::int8_t>(raw) : ply_value<std::uint8_t>(raw);
    case 2:
      return type.is_signed ? ply_value<std::int16_t>(raw) : ply_value<std::uint16_t>(raw);
    default:
      return type.is_signed ? ply_value<std::int32_t>(raw) : ply_value<std::uint32_t>(raw);
  }
}

}  // namespace parallax
