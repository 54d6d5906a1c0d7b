// A reader for the PLY format: a text header that declares elements of typed properties, then their
// values as text or as bytes.
#include "vision/synth/ply_reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/io/input_file.h"

namespace parallax {

namespace {

static_assert(std::endian::native == std::endian::little, "bytes are swapped for big-endian files");

enum class Encoding { kAscii, kLittleEndian, kBigEndian };

struct ScalarType {
  std::string_view name;
  std::string_view other_name;
  int size;
  bool is_float;
  bool is_signed;
  double full_scale;  // a colour of this type is divided by it
};

constexpr std::array<ScalarType, 8> kScalarTypes = {{
    {"char", "int8", 1, false, true, 127},
    {"uchar", "uint8", 1, false, false, 255},
    {"short", "int16", 2, false, true, 32767},
    {"ushort", "uint16", 2, false, false, 65535},
    {"int", "int32", 4, false, true, 2147483647},
    {"uint", "uint32", 4, false, false, 4294967295.0},
    {"float", "float32", 4, true, true, 1},
    {"double", "float64", 8, true, true, 1},
}};

struct Property {
  std::string name;
  ScalarType type;
  bool is_list = false;
  ScalarType count_type;
};

struct Element {
  std::string name;
  std::uint64_t count = 0;
  std::vector<Property> properties;
};

class PlyReader {
 public:
  explicit PlyReader(const std::filesystem::path& path) : file_(path) {
    bytes_ = file_.read(0, static_cast<std::size_t>(file_.size()));
  }

  TriangleMesh read() {
    read_header();
    for (const Element& element : elements_) {
      // Every entry takes at least a byte: a larger count is a damaged header, not a large mesh.
      if (element.count > bytes_.size() - at_) {
        fail("an element '" + element.name + "' of " + std::to_string(element.count) +
             " entries in a file too short for them");
      }
      for (std::uint64_t i = 0; i < element.count; ++i) {
        read_entry(element);
      }
    }
    check();
    compute_corner_normals(&mesh_);
    return std::move(mesh_);
  }

 private:
  [[noreturn]] void fail(const std::string& got) const {
    throw Error(ErrorParts{.what = "the mesh cannot be read",
                           .where = file_.name(),
                           .expected = "a sound PLY file",
                           .got = got,
                           .remedy = "Export it again."});
  }

  std::string next_line() {
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

  ScalarType type_named(const std::string& name) const {
    for (const ScalarType& type : kScalarTypes) {
      if (name == type.name || name == type.other_name) {
        return type;
      }
    }
    fail("a property of the unknown type '" + name + "'");
  }

  void read_header() {
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
        read_format(words);
      } else if (keyword == "element") {
        Element element;
        if (!(words >> element.name >> element.count)) {
          fail("the header line '" + line + "'");
        }
        elements_.push_back(std::move(element));
      } else if (keyword == "property") {
        read_property(words, line);
      } else if (keyword != "comment" && keyword != "obj_info" && !keyword.empty()) {
        fail("the header line '" + line + "'");
      }
    }
  }

  void read_format(std::istringstream& words) {
    std::string format;
    words >> format;
    if (format == "binary_little_endian") {
      encoding_ = Encoding::kLittleEndian;
    } else if (format == "binary_big_endian") {
      encoding_ = Encoding::kBigEndian;
    } else if (format != "ascii") {
      fail("the unknown format '" + format + "'");
    }
  }

  void read_property(std::istringstream& words, const std::string& line) {
    Property property;
    std::string type;
    words >> type;
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

  double next_value(const ScalarType& type) {
    return encoding_ == Encoding::kAscii ? next_word() : next_number(type);
  }

  double next_word() {
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

  template <typename T>
  static double as(const std::array<char, 8>& raw) {
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return static_cast<double>(value);
  }

  double next_number(const ScalarType& type) {
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
      return size == 4 ? as<float>(raw) : as<double>(raw);
    }
    switch (size) {
      case 1:
        return type.is_signed ? as<std::int8_t>(raw) : as<std::uint8_t>(raw);
      case 2:
        return type.is_signed ? as<std::int16_t>(raw) : as<std::uint16_t>(raw);
      default:
        return type.is_signed ? as<std::int32_t>(raw) : as<std::uint32_t>(raw);
    }
  }

  void read_entry(const Element& element) {
    cv::Vec3f position;
    cv::Vec3f color;
    bool has_color = false;
    for (const Property& property : element.properties) {
      if (property.is_list) {
        read_list(property, element.name == "face");
        continue;
      }
      const double value = next_value(property.type);
      for (int i = 0; i < 3; ++i) {
        if (property.name == kPositionNames[i]) {
          position[i] = static_cast<float>(value);
        } else if (property.name == kColorNames[i]) {
          color[i] = static_cast<float>(std::clamp(value / property.type.full_scale, 0.0, 1.0));
          has_color = true;
        }
      }
    }
    if (element.name == "vertex") {
      mesh_.vertices.push_back(position);
      if (has_color) {
        mesh_.vertex_colors.push_back(color);
      }
    }
  }

  void read_list(const Property& property, bool of_face) {
    const double count = next_value(property.count_type);
    if (!(count >= 0 && count <= static_cast<double>(bytes_.size() - at_))) {
      fail("a list of an impossible length");
    }
    const bool wanted =
        of_face && (property.name == "vertex_indices" || property.name == "vertex_index");
    std::array<int, 3> fan{};
    for (int i = 0; i < static_cast<int>(count); ++i) {
      const double value = next_value(property.type);
      if (!wanted) {
        continue;
      }
      if (!(value >= 0 && value < 2147483647.0)) {
        fail("a face that names an impossible vertex");
      }
      fan[std::min(i, 2)] = static_cast<int>(value);
      if (i >= 2) {
        mesh_.faces.emplace_back(fan[0], fan[1], fan[2]);
        fan[1] = fan[2];
      }
    }
  }

  void check() const {
    if (mesh_.faces.empty()) {
      fail("a file without faces");
    }
    const int num_vertices = static_cast<int>(mesh_.vertices.size());
    for (const cv::Vec3i& face : mesh_.faces) {
      if (*std::max_element(face.val, face.val + 3) >= num_vertices) {
        fail("a face that names a vertex beyond the last");
      }
    }
    for (const cv::Vec3f& p : mesh_.vertices) {
      if (!std::isfinite(p[0]) || !std::isfinite(p[1]) || !std::isfinite(p[2])) {
        fail("a vertex whose position is not a finite number");
      }
    }
  }

  static constexpr std::array<const char*, 3> kPositionNames = {"x", "y", "z"};
  static constexpr std::array<const char*, 3> kColorNames = {"red", "green", "blue"};

  InputFile file_;
  std::string bytes_;
  std::size_t at_ = 0;
  Encoding encoding_ = Encoding::kAscii;
  std::vector<Element> elements_;
  TriangleMesh mesh_;
};

}  // namespace

TriangleMesh read_ply(const std::filesystem::path& path) { return PlyReader(path).read(); }

}  // namespace parallax
