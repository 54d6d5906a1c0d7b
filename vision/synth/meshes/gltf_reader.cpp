// Makes a part of each primitive of the scene's nodes.
#include "vision/synth/meshes/gltf_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/json_text.h"
#include "vision/synth/meshes/gltf_document.h"
#include "vision/synth/meshes/gltf_materials.h"
#include "vision/synth/meshes/gltf_nodes.h"
#include "vision/synth/meshes/gltf_primitive.h"

namespace parallax {
namespace {

using nlohmann::json;

// Extensions that are followed, and those that a diffuse picture does not show.
constexpr const char* kGltfFollowed[] = {"KHR_mesh_quantization",
                                         "KHR_texture_transform",
                                         "KHR_materials_unlit",
                                         "KHR_materials_emissive_strength",
                                         "KHR_materials_pbrSpecularGlossiness",
                                         "EXT_texture_webp",
                                         "EXT_mesh_gpu_instancing",
                                         "KHR_lights_punctual",
                                         "KHR_materials_ior",
                                         "KHR_materials_specular",
                                         "KHR_materials_anisotropy",
                                         "KHR_animation_pointer",
                                         "KHR_xmp",
                                         "KHR_xmp_json_ld"};
constexpr std::size_t kMostInstancedFaces = 1 << 26;

class GltfReader {
 public:
  explicit GltfReader(const std::filesystem::path& path)
      : document_(path), materials_(&document_, &result_.notes) {}

  MeshParts read() {
    check_extensions();
    const GltfNodes nodes(&document_);
    if (!nodes.note().empty()) {
      note(nodes.note());
    }
    for (const json& index : nodes.order()) {
      add_node(nodes, index);
    }
    if (result_.parts.empty()) {
      document_.fail("a file without triangles");
    }
    return std::move(result_);
  }

 private:
  void note(const std::string& text) {
    if (noted_.insert(text).second) {
      result_.notes.push_back(text);
    }
  }

  void check_extensions() {
    const std::vector<std::string> required = document_.extensions("extensionsRequired");
    for (const std::string& name : required) {
      if (name == "KHR_draco_mesh_compression" ||
          name.find("meshopt_compression") != std::string::npos) {
        document_.fail(
            fmt::format("compressed data ({})", name),
            "Write it without compression, for example with `gltf-transform copy IN OUT`.");
      }
    }
    std::string unread;
    for (const std::string& name : document_.extensions("extensionsUsed")) {
      const bool compression = name.find("_compression") != std::string::npos;
      if (!compression && std::find(std::begin(kGltfFollowed), std::end(kGltfFollowed), name) ==
                              std::end(kGltfFollowed)) {
        unread += (unread.empty() ? "" : ", ") + name;
      }
    }
    if (!unread.empty()) {
      note(fmt::format("what its extensions say is not shown: {}", unread));
    }
  }

  void add_node(const GltfNodes& nodes, const json& index) {
    const json& node = document_.item("nodes", index);
    const json& mesh_index = gltf_member(node, "mesh");
    if (mesh_index.is_null()) {
      return;
    }
    const json& mesh = document_.item("meshes", mesh_index);
    const cv::Matx44d& world = nodes.world(index);
    const std::vector<cv::Matx44d> instances = nodes.instances_of(node);
    for (const json& primitive : gltf_member(mesh, "primitives")) {
      RenderPart part;
      const std::string left_out = read_gltf_faces(document_, primitive, &part.mesh);
      if (!left_out.empty()) {
        note(left_out);
      }
      if (part.mesh.faces.empty()) {
        continue;
      }
      const bool moved = apply_gltf_morphs(document_, node, mesh, primitive, &part.mesh);
      const json& skin = gltf_member(node, "skin");
      const bool posed =
          !skin.is_null() && apply_gltf_skin(document_, nodes, skin, primitive, &part.mesh);
      read_gltf_colors(document_, primitive, &part.mesh);
      materials_.apply(primitive, &part);
      if (instances.size() * part.mesh.faces.size() > kMostInstancedFaces) {
        document_.fail(fmt::format(
            "{} instances of a mesh of {} triangles", instances.size(), part.mesh.faces.size()));
      }
      // The placement of a node with a skin comes from the skin's joints alone.
      for (const cv::Matx44d& instance : posed ? std::vector{cv::Matx44d::eye()} : instances) {
        RenderPart placed = part;
        place_gltf_mesh(document_, posed ? instance : world * instance, &placed.mesh);
        compute_corner_normals(&placed.mesh);
        if (!moved && !posed) {
          read_gltf_normals(document_, primitive, world * instance, &placed.mesh);
        }
        result_.parts.push_back(std::move(placed));
      }
    }
  }

  MeshParts result_;
  GltfDocument document_;
  GltfMaterials materials_;
  std::set<std::string> noted_;
};

}  // namespace

MeshParts read_gltf(const std::filesystem::path& path) {
  try {
    return GltfReader(path).read();
  } catch (const nlohmann::json::exception& error) {
    throw broken_mesh(path, json_reason(error));
  }
}

}  // namespace parallax
