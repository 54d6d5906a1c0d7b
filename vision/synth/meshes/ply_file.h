// The PLY format: a text header that declares elements of typed properties, then their values as
// text or as bytes.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/input_file.h"

namespace parallax {

// A type that properties have.
struct PlyType {
  std::string_view name;
  std::string_view other_name;
  int size;
  bool is_float;
  bool is_signed;
  double full_scale;  // a colour of this type is divided by it
};

// One column of an element.
struct PlyProperty {
  std::string name;
  PlyType type;
  bool is_list = false;
  PlyType count_type;
};

// One table of the file.
struct PlyElement {
  std::string name;
  std::uint64_t count = 0;
  std::vector<PlyProperty> properties;

  // The index of the property of one of these names, or −1.
  int find(std::initializer_list<std::string_view> names) const;
};

// An entry's values, by property: one for a scalar.
using PlyEntry = std::vector<std::vector<double>>;

// A PLY file, read from front to back.
class PlyFile {
 public:
  // Reads the header. Throws Error naming the file when it is broken.
  explicit PlyFile(const std::filesystem::path& path);

  const std::vector<PlyElement>& elements() const { return elements_; }
  const std::vector<std::string>& comments() const { return comments_; }

  // Reads the next element's entries, elements in their order. Throws Error naming the file when it
  // is broken.
  void read_entries(const PlyElement& element, const std::function<void(const PlyEntry&)>& take);

  // Throws the Error that the file is broken.
  [[noreturn]] void fail(const std::string& got) const;

 private:
  enum class Encoding { kAscii, kLittleEndian, kBigEndian };

  void read_header();
  std::string next_line();
  void read_format(const std::string& format);
  void read_property(const std::string& line);
  PlyType type_named(const std::string& name) const;
  double next_value(const PlyType& type);
  double next_word();
  double next_number(const PlyType& type);

  InputFile file_;
  std::string bytes_;
  std::size_t at_ = 0;
  Encoding encoding_ = Encoding::kAscii;
  std::vector<PlyElement> elements_;
  std::vector<std::string> comments_;
};

}  // namespace parallax
