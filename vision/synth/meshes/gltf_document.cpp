// Reads glTF's containers and accessors (glTF 2.0 specification, sections 3.6 and 4.4).
#include "vision/synth/meshes/gltf_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/json_text.h"
#include "core/io/input_file.h"
#include "vision/synth/meshes/mesh_parts.h"
#include "vision/synth/meshes/texture_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A sparse accessor needs no bytes for its zeros: without a bound a damaged count would fill
// memory.
constexpr std::size_t kMostElements = std::size_t{1} << 28;

struct ComponentType {
  int code;
  std::size_t size;
  double full_scale;  // a normalised value of this type is divided by it
};
constexpr std::array<ComponentType, 6> kComponentTypes = {{{5120, 1, 127},
                                                           {5121, 1, 255},
                                                           {5122, 2, 32767},
                                                           {5123, 2, 65535},
                                                           {5125, 4, 4294967295.0},
                                                           {5126, 4, 1}}};

struct ElementType {
  const char* name;
  std::size_t width;
};
constexpr std::array<ElementType, 5> kElementTypes = {
    {{"SCALAR", 1}, {"VEC2", 2}, {"VEC3", 3}, {"VEC4", 4}, {"MAT4", 16}}};

template <class T>
double component(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return static_cast<double>(value);
}

double component(const char* bytes, int code) {
  switch (code) {
    case 5120:
      return component<std::int8_t>(bytes);
    case 5121:
      return component<std::uint8_t>(bytes);
    case 5122:
      return component<std::int16_t>(bytes);
    case 5123:
      return component<std::uint16_t>(bytes);
    case 5125:
      return component<std::uint32_t>(bytes);
    default:
      return component<float>(bytes);
  }
}

// A whole number from 0, or nothing.
bool as_index(const json& value, std::size_t* index) {
  if (!value.is_number_integer() ||
      (!value.is_number_unsigned() && value.get<std::int64_t>() < 0)) {
    return false;
  }
  *index = value.get<std::size_t>();
  return true;
}

std::size_t size_member(const json& object, const char* name, std::size_t otherwise) {
  std::size_t value = otherwise;
  const json& member = gltf_member(object, name);
  return member.is_null() || !as_index(member, &value) ? otherwise : value;
}

std::string decoded_base64(std::string_view text) {
  std::string bytes;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : text) {
    int digit = -1;
    if (c >= 'A' && c <= 'Z') {
      digit = c - 'A';
    } else if (c >= 'a' && c <= 'z') {
      digit = c - 'a' + 26;
    } else if (c >= '0' && c <= '9') {
      digit = c - '0' + 52;
    } else if (c == '+' || c == '-') {
      digit = 62;
    } else if (c == '/' || c == '_') {
      digit = 63;
    }
    if (digit >= 0) {
      buffer = (buffer << 6 | static_cast<unsigned>(digit)) & 0xFFFFFFU;
      bits += 6;
    }
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(buffer >> bits & 0xFFU);
    }
  }
  return bytes;
}

}  // namespace

const json& gltf_member(const json& object, const char* name) {
  static const json kNull;
  if (!object.is_object()) {
    return kNull;
  }
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

const json& gltf_extension(const json& object, const char* name) {
  return gltf_member(gltf_member(object, "extensions"), name);
}

GltfDocument::GltfDocument(const fs::path& path) : path_(path) {
  const InputFile file(path);
  const std::string bytes = file.read(0, static_cast<std::size_t>(file.size()));
  if (bytes.compare(0, 4, "glTF") == 0) {
    split_glb(bytes);
  } else {
    root_ = parse_json(bytes, path_.string());
  }
  if (!root_.is_object()) {
    fail("a file whose JSON is damaged");
  }
  const json& version = gltf_member(gltf_member(root_, "asset"), "version");
  if (version.is_string() && version.get<std::string>().compare(0, 2, "1.") == 0) {
    fail("a file of glTF 1.0", "Convert it to glTF 2.0.");
  }
  buffers_.resize(size("buffers"));
  is_buffer_read_.resize(buffers_.size());
}

void GltfDocument::fail(const std::string& got, const std::string& remedy) const {
  throw broken_mesh(path_, got, remedy);
}

// The binary container: 12 bytes of header, then chunks of a length, a type and their bytes.
void GltfDocument::split_glb(const std::string& file) {
  constexpr std::size_t kHeader = 12;
  constexpr std::size_t kChunkHeader = 8;
  for (std::size_t at = kHeader; at + kChunkHeader <= file.size();) {
    const auto length = static_cast<std::size_t>(component<std::uint32_t>(&file[at]));
    const std::string type = file.substr(at + 4, 4);
    at += kChunkHeader;
    if (length > file.size() - at) {
      fail("a file that ends early");
    }
    if (type == "JSON" && root_.is_null()) {
      root_ = parse_json(std::string_view(file).substr(at, length), path_.string());
    } else if (type == std::string("BIN\0", 4) && binary_.empty()) {
      binary_ = file.substr(at, length);
    }
    at += length;
  }
}

std::size_t GltfDocument::size(const char* list) const {
  const json& items = gltf_member(root_, list);
  return items.is_array() ? items.size() : 0;
}

const json& GltfDocument::item(const char* list, const json& index) const {
  std::size_t i = 0;
  if (!as_index(index, &i) || i >= size(list) || !root_[list][i].is_object()) {
    fail(fmt::format("a file that names entry {} of {} in '{}'", index.dump(), size(list), list));
  }
  return root_[list][i];
}

std::vector<std::string> GltfDocument::extensions(const char* list) const {
  std::vector<std::string> names;
  const json& items = gltf_member(root_, list);
  for (std::size_t i = 0; items.is_array() && i < items.size(); ++i) {
    if (items[i].is_string()) {
      names.push_back(items[i].get<std::string>());
    }
  }
  return names;
}

bool GltfDocument::decode_data_uri(const std::string& uri, std::string* bytes) {
  const std::size_t comma = uri.find(',');
  if (uri.compare(0, 5, "data:") != 0 || comma == std::string::npos) {
    return false;
  }
  const bool is_base64 = uri.find(";base64") < comma;
  *bytes = is_base64 ? decoded_base64(std::string_view(uri).substr(comma + 1))
                     : percent_decoded(uri.substr(comma + 1));
  return true;
}

const std::string& GltfDocument::buffer(const json& index) {
  const json& source = item("buffers", index);
  const auto i = index.get<std::size_t>();
  if (is_buffer_read_[i]) {
    return buffers_[i];
  }
  is_buffer_read_[i] = true;
  const json& uri = gltf_member(source, "uri");
  if (!uri.is_string()) {
    if (i > 0 || binary_.empty()) {
      fail("a buffer without data");
    }
    buffers_[i] = std::move(binary_);
  } else if (const auto text = uri.get<std::string>(); !decode_data_uri(text, &buffers_[i])) {
    const fs::path decoded = path_.parent_path() / percent_decoded(text);
    const InputFile file(fs::is_regular_file(decoded) ? decoded : path_.parent_path() / text);
    buffers_[i] = file.read(0, static_cast<std::size_t>(file.size()));
  }
  return buffers_[i];
}

std::string_view GltfDocument::view(const json& index) {
  const json& source = item("bufferViews", index);
  const json& of = gltf_member(source, "buffer");
  for (const char* name : {"EXT_meshopt_compression", "KHR_meshopt_compression"}) {
    const bool has_data = gltf_member(item("buffers", of), "uri").is_string();
    if (!gltf_extension(source, name).is_null() && !has_data) {
      fail(fmt::format("compressed data ({})", name),
           "Write it without compression, for example with `gltf-transform copy IN OUT`.");
    }
  }
  const std::string_view bytes = buffer(of);
  const std::size_t offset = size_member(source, "byteOffset", 0);
  const std::size_t length = size_member(source, "byteLength", 0);
  if (offset > bytes.size() || length > bytes.size() - offset) {
    fail("a buffer that is shorter than its views");
  }
  return bytes.substr(offset, length);
}

std::vector<double> GltfDocument::read_block(const json& view_index,
                                             std::size_t offset,
                                             std::size_t count,
                                             std::size_t width,
                                             int component_type) {
  const auto* const type = std::find_if(kComponentTypes.begin(),
                                        kComponentTypes.end(),
                                        [&](const auto& t) { return t.code == component_type; });
  if (type == kComponentTypes.end()) {
    fail(fmt::format("an accessor of the unknown component type {}", component_type));
  }
  const std::string_view bytes = view(view_index);
  const std::size_t packed = type->size * width;
  const std::size_t stride =
      std::max(size_member(item("bufferViews", view_index), "byteStride", packed), packed);
  if (count > 0 && (offset > bytes.size() || bytes.size() - offset < packed ||
                    (bytes.size() - offset - packed) / stride < count - 1)) {
    fail("an accessor beyond the end of its buffer view");
  }
  std::vector<double> values(count * width);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < width; ++k) {
      values[i * width + k] =
          component(bytes.data() + offset + i * stride + k * type->size, component_type);
    }
  }
  return values;
}

std::vector<double> GltfDocument::raw_values(const json& accessor, std::size_t width) {
  const std::size_t count = size_member(accessor, "count", 0);
  const int type = static_cast<int>(size_member(accessor, "componentType", 0) & 0xFFFFU);
  if (count > kMostElements) {
    fail(fmt::format("an accessor of {} elements", count));
  }
  const json& view_index = gltf_member(accessor, "bufferView");
  std::vector<double> values =
      view_index.is_null()
          ? std::vector<double>(count * width)
          : read_block(view_index, size_member(accessor, "byteOffset", 0), count, width, type);
  const json& sparse = gltf_member(accessor, "sparse");
  if (sparse.is_null()) {
    return values;
  }
  const json& at = gltf_member(sparse, "indices");
  const json& with = gltf_member(sparse, "values");
  const std::size_t replaced = size_member(sparse, "count", 0);
  const std::vector<double> indices =
      read_block(gltf_member(at, "bufferView"),
                 size_member(at, "byteOffset", 0),
                 replaced,
                 1,
                 static_cast<int>(size_member(at, "componentType", 0) & 0xFFFFU));
  const std::vector<double> others = read_block(
      gltf_member(with, "bufferView"), size_member(with, "byteOffset", 0), replaced, width, type);
  for (std::size_t i = 0; i < replaced; ++i) {
    if (!(indices[i] >= 0 && indices[i] < static_cast<double>(count))) {
      fail("a sparse accessor that replaces an element beyond the last");
    }
    std::copy_n(others.begin() + static_cast<std::ptrdiff_t>(i * width),
                width,
                values.begin() +
                    static_cast<std::ptrdiff_t>(indices[i]) * static_cast<std::ptrdiff_t>(width));
  }
  return values;
}

GltfValues GltfDocument::values(const json& index, std::initializer_list<std::size_t> widths) {
  const json& accessor = item("accessors", index);
  const json& type = gltf_member(accessor, "type");
  GltfValues result;
  result.width = 0;
  for (const ElementType& known : kElementTypes) {
    if (type.is_string() && type.get<std::string>() == known.name) {
      result.width = known.width;
    }
  }
  if (std::find(widths.begin(), widths.end(), result.width) == widths.end()) {
    fail(fmt::format("an accessor of the type {} where another is needed", type.dump()));
  }
  double divisor = 1;
  const json& normalized = gltf_member(accessor, "normalized");
  if (normalized.is_boolean() && normalized.get<bool>()) {
    for (const ComponentType& known : kComponentTypes) {
      if (static_cast<std::size_t>(known.code) == size_member(accessor, "componentType", 0)) {
        divisor = known.full_scale;
      }
    }
  }
  const std::vector<double> raw = raw_values(accessor, result.width);
  result.values.reserve(raw.size());
  for (const double value : raw) {
    // The most negative integer of a signed type is −1, too.
    result.values.push_back(
        static_cast<float>(divisor == 1 ? value : std::max(value / divisor, -1.0)));
  }
  return result;
}

std::vector<std::uint32_t> GltfDocument::integers(const json& index) {
  const std::vector<double> raw = raw_values(item("accessors", index), 1);
  std::vector<std::uint32_t> result;
  result.reserve(raw.size());
  for (const double value : raw) {
    if (!(value >= 0 && value <= 4294967295.0)) {
      fail("an index that is no whole number");
    }
    result.push_back(static_cast<std::uint32_t>(value));
  }
  return result;
}

}  // namespace parallax
