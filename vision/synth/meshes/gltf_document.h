// A glTF 2.0 file (.gltf or .glb): its JSON, its buffers and the accessors into them, each checked.
//
// assimp 5.2 drops texture transforms, samplers and alpha modes, refuses what extensions require,
// and does not decode percent-encoded names. tinygltf 2.7 reads past the end of damaged files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace parallax {

// An accessor's elements as numbers, normalised integers as fractions.
struct GltfValues {
  std::size_t width = 1;      // components per element
  std::vector<float> values;  // [count · width]

  std::size_t count() const { return values.size() / width; }
  // Component `i` of an element.
  float at(std::size_t element, std::size_t i) const { return values[element * width + i]; }
};

// The document. All members throw Error naming the file where it is damaged.
class GltfDocument {
 public:
  explicit GltfDocument(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const nlohmann::json& root() const { return root_; }
  // Entry `index` of the root's list.
  const nlohmann::json& item(const char* list, const nlohmann::json& index) const;
  std::size_t size(const char* list) const;
  // The names in `extensionsUsed` or `extensionsRequired`.
  std::vector<std::string> extensions(const char* list) const;

  // The bytes of a buffer view.
  std::string_view view(const nlohmann::json& index);
  // The bytes of a data URI; nothing if `uri` is another.
  static bool decode_data_uri(const std::string& uri, std::string* bytes);

  // An accessor's elements, sparse ones included; `widths` are the numbers of components allowed.
  GltfValues values(const nlohmann::json& accessor, std::initializer_list<std::size_t> widths);
  // An accessor of whole numbers, such as indices. [count]
  std::vector<std::uint32_t> integers(const nlohmann::json& accessor);

  [[noreturn]] void fail(const std::string& got,
                         const std::string& remedy = "Export it again.") const;

 private:
  void split_glb(const std::string& file);
  const std::string& buffer(const nlohmann::json& index);
  std::vector<double> raw_values(const nlohmann::json& accessor, std::size_t width);
  std::vector<double> read_block(const nlohmann::json& view,
                                 std::size_t offset,
                                 std::size_t count,
                                 std::size_t width,
                                 int component_type);

  std::filesystem::path path_;
  nlohmann::json root_;
  std::string binary_;  // the GLB's chunk
  std::vector<std::string> buffers_;
  std::vector<bool> is_buffer_read_;
};

// The member of that name, or null.
const nlohmann::json& gltf_member(const nlohmann::json& object, const char* name);

// The extension of that name of an object, or null.
const nlohmann::json& gltf_extension(const nlohmann::json& object, const char* name);

}  // namespace parallax
