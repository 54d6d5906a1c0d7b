// Walks glTF's nodes and makes a part of each primitive.
#include "vision/synth/meshes/gltf_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "core/base/json_text.h"
#include "vision/synth/meshes/gltf_document.h"
#include "vision/synth/meshes/gltf_materials.h"

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
// Nodes in scenes are seldom deeper than twenty; a circle of nodes has no end.
constexpr int kDeepestNode = 1000;
constexpr std::size_t kMostInstances = 1 << 20;
constexpr std::size_t kMostInstancedFaces = 1 << 26;

cv::Vec3d transformed(const cv::Matx44d& m, const cv::Vec3f& p) {
  cv::Vec3d result;
  for (int i = 0; i < 3; ++i) {
    result[i] = m(i, 0) * p[0] + m(i, 1) * p[1] + m(i, 2) * p[2] + m(i, 3);
  }
  return result;
}

// Translation · rotation (a quaternion x, y, z, w) · scale.
cv::Matx44d composed(const std::array<double, 3>& t,
                     const std::array<double, 4>& r,
                     const std::array<double, 3>& s) {
  const double length = std::sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2] + r[3] * r[3]);
  const double n = length > 0 ? 1 / length : 0;
  const double x = r[0] * n;
  const double y = r[1] * n;
  const double z = r[2] * n;
  const double w = length > 0 ? r[3] * n : 1;
  const cv::Matx33d rotation(1 - 2 * (y * y + z * z),
                             2 * (x * y - z * w),
                             2 * (x * z + y * w),
                             2 * (x * y + z * w),
                             1 - 2 * (x * x + z * z),
                             2 * (y * z - x * w),
                             2 * (x * z - y * w),
                             2 * (y * z + x * w),
                             1 - 2 * (x * x + y * y));
  cv::Matx44d m = cv::Matx44d::eye();
  for (int i = 0; i < 3; ++i) {
    for (int k = 0; k < 3; ++k) {
      m(i, k) = rotation(i, k) * s[k];
    }
    m(i, 3) = t[i];
  }
  return m;
}

template <std::size_t N>
std::array<double, N> numbers(const json& object,
                              const char* name,
                              std::array<double, N> otherwise) {
  const json& list = gltf_member(object, name);
  for (std::size_t i = 0; list.is_array() && list.size() == N && i < N; ++i) {
    otherwise[i] = list[i].is_number() ? list[i].get<double>() : otherwise[i];
  }
  return otherwise;
}

cv::Matx44d node_matrix(const json& node) {
  if (node.contains("matrix")) {
    const std::array<double, 16> columns =
        numbers<16>(node, "matrix", {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1});
    return cv::Matx44d(columns.data()).t();
  }
  return composed(numbers<3>(node, "translation", {0, 0, 0}),
                  numbers<4>(node, "rotation", {0, 0, 0, 1}),
                  numbers<3>(node, "scale", {1, 1, 1}));
}

class GltfReader {
 public:
  explicit GltfReader(const std::filesystem::path& path)
      : document_(path), materials_(&document_, &result_.notes) {}

  MeshParts read() {
    check_extensions();
    world_.resize(document_.size("nodes"), cv::Matx44d::eye());
    const std::vector<json> roots = root_nodes();
    for (const json& node : roots) {
      place(node, cv::Matx44d::eye(), 0);
    }
    for (const json& node : order_) {
      add_node(document_.item("nodes", node), world_[node.get<std::size_t>()]);
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

  std::vector<json> root_nodes() {
    const std::size_t count = document_.size("scenes");
    if (count == 0) {
      return parentless_nodes();
    }
    const json& given = gltf_member(document_.root(), "scene");
    const json& scene = document_.item("scenes", given.is_null() ? json(0U) : given);
    if (count > 1) {
      const json& name = gltf_member(scene, "name");
      note(fmt::format("of its {} scenes {} is shown",
                       count,
                       name.is_string() ? "'" + name.get<std::string>() + "'" : "the default"));
    }
    std::vector<json> roots;
    for (const json& node : gltf_member(scene, "nodes")) {
      roots.push_back(node);
    }
    return roots;
  }

  std::vector<json> parentless_nodes() {
    std::vector<bool> is_child(document_.size("nodes"));
    for (std::size_t i = 0; i < is_child.size(); ++i) {
      for (const json& child : gltf_member(document_.item("nodes", i), "children")) {
        document_.item("nodes", child);
        is_child[child.get<std::size_t>()] = true;
      }
    }
    std::vector<json> roots;
    for (std::size_t i = 0; i < is_child.size(); ++i) {
      if (!is_child[i]) {
        roots.emplace_back(i);
      }
    }
    return roots;
  }

  // Fills `world_` and `order_` for a node and those below it.
  void place(const json& index, const cv::Matx44d& parent, int depth) {
    const json& node = document_.item("nodes", index);
    if (depth > kDeepestNode || order_.size() > 2 * world_.size()) {
      document_.fail("nodes that contain themselves");
    }
    cv::Matx44d& world = world_[index.get<std::size_t>()];
    world = parent * node_matrix(node);
    order_.push_back(index);
    const cv::Matx44d own = world;
    for (const json& child : gltf_member(node, "children")) {
      place(child, own, depth + 1);
    }
  }

  void add_node(const json& node, const cv::Matx44d& world) {
    const json& mesh_index = gltf_member(node, "mesh");
    if (mesh_index.is_null()) {
      return;
    }
    const json& mesh = document_.item("meshes", mesh_index);
    const std::vector<cv::Matx44d> instances = instances_of(node);
    for (const json& primitive : gltf_member(mesh, "primitives")) {
      RenderPart part;
      if (!read_faces(primitive, &part.mesh)) {
        continue;
      }
      const bool moved = morph(node, mesh, primitive, &part.mesh);
      const json& skin = gltf_member(node, "skin");
      const bool posed = !skin.is_null() && pose(skin, primitive, &part.mesh);
      read_colors(primitive, &part.mesh);
      materials_.apply(primitive, &part);
      if (instances.size() * part.mesh.faces.size() > kMostInstancedFaces) {
        document_.fail(fmt::format(
            "{} instances of a mesh of {} triangles", instances.size(), part.mesh.faces.size()));
      }
      // The placement of a node with a skin comes from the skin's joints alone.
      for (const cv::Matx44d& instance : posed ? std::vector{cv::Matx44d::eye()} : instances) {
        RenderPart placed = part;
        place_mesh(posed ? instance : world * instance, &placed.mesh);
        compute_corner_normals(&placed.mesh);
        if (!moved && !posed) {
          read_normals(primitive, world * instance, &placed.mesh);
        }
        result_.parts.push_back(std::move(placed));
      }
    }
  }

  // EXT_mesh_gpu_instancing: the placements of a node's mesh, mostly one.
  std::vector<cv::Matx44d> instances_of(const json& node) {
    const json& attributes =
        gltf_member(gltf_extension(node, "EXT_mesh_gpu_instancing"), "attributes");
    if (!attributes.is_object() || attributes.empty()) {
      return {cv::Matx44d::eye()};
    }
    const auto read = [&](const char* name, std::size_t width) {
      const json& accessor = gltf_member(attributes, name);
      return accessor.is_null() ? GltfValues{width, {}} : document_.values(accessor, {width});
    };
    const GltfValues t = read("TRANSLATION", 3);
    const GltfValues r = read("ROTATION", 4);
    const GltfValues s = read("SCALE", 3);
    const std::size_t count = std::max({t.count(), r.count(), s.count()});
    if (count > kMostInstances) {
      document_.fail(fmt::format("{} instances of one mesh", count));
    }
    std::vector<cv::Matx44d> instances;
    for (std::size_t i = 0; i < count; ++i) {
      std::array<double, 3> translation = {0, 0, 0};
      std::array<double, 4> rotation = {0, 0, 0, 1};
      std::array<double, 3> scale = {1, 1, 1};
      for (std::size_t k = 0; k < 4; ++k) {
        rotation[k] = i < r.count() ? r.at(i, k) : rotation[k];
        if (k < 3) {
          translation[k] = i < t.count() ? t.at(i, k) : translation[k];
          scale[k] = i < s.count() ? s.at(i, k) : scale[k];
        }
      }
      instances.push_back(composed(translation, rotation, scale));
    }
    return instances;
  }

  // Positions and triangles; false, with a note, if the primitive has no triangles.
  bool read_faces(const json& primitive, TriangleMesh* mesh) {
    const json& mode_member = gltf_member(primitive, "mode");
    const int mode = mode_member.is_number_integer() ? mode_member.get<int>() : 4;
    const json& position = gltf_member(gltf_member(primitive, "attributes"), "POSITION");
    if (mode < 4 || position.is_null()) {
      note(mode < 4 ? "its points and lines are left out" : "a mesh without positions is left out");
      return false;
    }
    const json& accessor = document_.item("accessors", position);
    if (!gltf_extension(primitive, "KHR_draco_mesh_compression").is_null() &&
        gltf_member(accessor, "bufferView").is_null()) {
      document_.fail(
          "compressed data (KHR_draco_mesh_compression)",
          "Write it without compression, for example with `gltf-transform copy IN OUT`.");
    }
    const GltfValues points = document_.values(position, {3});
    for (std::size_t i = 0; i < points.count(); ++i) {
      const cv::Vec3f p = {points.at(i, 0), points.at(i, 1), points.at(i, 2)};
      if (!std::isfinite(p[0]) || !std::isfinite(p[1]) || !std::isfinite(p[2])) {
        document_.fail("a vertex whose position is not a finite number");
      }
      mesh->vertices.push_back(p);
    }
    std::vector<std::uint32_t> indices;
    if (const json& given = gltf_member(primitive, "indices"); !given.is_null()) {
      indices = document_.integers(given);
    } else {
      for (std::size_t i = 0; i < points.count(); ++i) {
        indices.push_back(static_cast<std::uint32_t>(i));
      }
    }
    for (const std::uint32_t index : indices) {
      if (index >= points.count()) {
        document_.fail("a face that names a vertex beyond the last");
      }
    }
    add_triangles(indices, mode, mesh);
    return !mesh->faces.empty();
  }

  // Triangles (4), a strip (5) or a fan (6).
  static void add_triangles(const std::vector<std::uint32_t>& indices,
                            int mode,
                            TriangleMesh* mesh) {
    const std::size_t step = mode == 4 ? 3 : 1;
    for (std::size_t i = 0; i + 2 < indices.size(); i += step) {
      const bool odd = mode == 5 && i % 2 == 1;
      const cv::Vec3i face(static_cast<int>(indices[mode == 6 ? 0 : i]),
                           static_cast<int>(indices[odd ? i + 2 : i + 1]),
                           static_cast<int>(indices[odd ? i + 1 : i + 2]));
      if (face[0] != face[1] && face[1] != face[2] && face[2] != face[0]) {
        mesh->faces.push_back(face);
      }
    }
  }

  // Moves the vertices by the morph targets' default weights; whether any has one.
  bool morph(const json& node, const json& mesh, const json& primitive, TriangleMesh* result) {
    const json& own = gltf_member(node, "weights");
    const json& weights = own.is_array() ? own : gltf_member(mesh, "weights");
    const json& targets = gltf_member(primitive, "targets");
    bool moved = false;
    for (std::size_t t = 0;
         weights.is_array() && targets.is_array() && t < targets.size() && t < weights.size();
         ++t) {
      const float weight = weights[t].is_number() ? weights[t].get<float>() : 0;
      const json& position = gltf_member(targets[t], "POSITION");
      if (weight == 0 || position.is_null()) {
        continue;
      }
      const GltfValues offsets = document_.values(position, {3});
      if (offsets.count() != result->vertices.size()) {
        document_.fail("a morph target of another number of vertices");
      }
      for (std::size_t i = 0; i < offsets.count(); ++i) {
        result->vertices[i] +=
            cv::Vec3f(offsets.at(i, 0), offsets.at(i, 1), offsets.at(i, 2)) * weight;
      }
      moved = true;
    }
    return moved;
  }

  // Moves the vertices with the skin's joints; false if the primitive has no joints.
  bool pose(const json& skin_index, const json& primitive, TriangleMesh* mesh) {
    const json& attributes = gltf_member(primitive, "attributes");
    const json& joints_accessor = gltf_member(attributes, "JOINTS_0");
    const json& weights_accessor = gltf_member(attributes, "WEIGHTS_0");
    const json& skin = document_.item("skins", skin_index);
    const json& joints = gltf_member(skin, "joints");
    if (joints_accessor.is_null() || weights_accessor.is_null() || !joints.is_array()) {
      return false;
    }
    const json& inverse_accessor = gltf_member(skin, "inverseBindMatrices");
    const GltfValues inverses =
        inverse_accessor.is_null() ? GltfValues{16, {}} : document_.values(inverse_accessor, {16});
    std::vector<cv::Matx44d> matrices;
    for (std::size_t j = 0; j < joints.size(); ++j) {
      document_.item("nodes", joints[j]);
      cv::Matx44d inverse = cv::Matx44d::eye();
      for (int k = 0; j < inverses.count() && k < 16; ++k) {
        inverse(k % 4, k / 4) = inverses.at(j, k);
      }
      matrices.push_back(world_[joints[j].get<std::size_t>()] * inverse);
    }
    const GltfValues used = document_.values(joints_accessor, {4});
    const GltfValues weights = document_.values(weights_accessor, {4});
    if (used.count() != mesh->vertices.size() || weights.count() != mesh->vertices.size()) {
      document_.fail("joints for another number of vertices");
    }
    for (std::size_t i = 0; i < mesh->vertices.size(); ++i) {
      cv::Vec3d sum;
      double total = 0;
      for (std::size_t k = 0; k < 4; ++k) {
        const double weight = weights.at(i, k);
        const double joint = used.at(i, k);
        if (weight > 0 && joint >= 0 && joint < static_cast<double>(matrices.size())) {
          sum += transformed(matrices[static_cast<std::size_t>(joint)], mesh->vertices[i]) * weight;
          total += weight;
        }
      }
      if (total > 0) {
        mesh->vertices[i] = sum * (1 / total);
      }
    }
    return true;
  }

  void read_colors(const json& primitive, TriangleMesh* mesh) {
    const json& accessor = gltf_member(gltf_member(primitive, "attributes"), "COLOR_0");
    if (accessor.is_null()) {
      return;
    }
    const GltfValues colors = document_.values(accessor, {3, 4});
    if (colors.count() != mesh->vertices.size()) {
      document_.fail("colours for another number of vertices");
    }
    for (std::size_t i = 0; i < colors.count(); ++i) {
      cv::Vec4f color = cv::Vec4f::all(1);
      for (std::size_t c = 0; c < colors.width; ++c) {
        const float value = colors.at(i, c);
        color[static_cast<int>(c)] = std::isfinite(value) ? std::clamp(value, 0.0F, 1.0F) : 1;
      }
      mesh->vertex_colors.push_back(color);
    }
  }

  // Moves the mesh; a mirroring turns its faces round so that they stay counter-clockwise.
  void place_mesh(const cv::Matx44d& matrix, TriangleMesh* mesh) const {
    for (cv::Vec3f& p : mesh->vertices) {
      p = transformed(matrix, p);
      if (!std::isfinite(p[0]) || !std::isfinite(p[1]) || !std::isfinite(p[2])) {
        document_.fail("a vertex whose position is not a finite number");
      }
    }
    if (cv::determinant(matrix.get_minor<3, 3>(0, 0)) < 0) {
      for (cv::Vec3i& face : mesh->faces) {
        std::swap(face[1], face[2]);
      }
    }
  }

  void read_normals(const json& primitive, const cv::Matx44d& matrix, TriangleMesh* mesh) {
    const json& accessor = gltf_member(gltf_member(primitive, "attributes"), "NORMAL");
    if (accessor.is_null()) {
      return;
    }
    const GltfValues normals = document_.values(accessor, {3});
    if (normals.count() != mesh->vertices.size()) {
      document_.fail("normals for another number of vertices");
    }
    // Normals stay perpendicular to the surface under the matrix of cofactors, here column by
    // column.
    const cv::Matx33d m = matrix.get_minor<3, 3>(0, 0);
    const std::array<cv::Vec3d, 3> columns = {cv::Vec3d(m(0, 0), m(1, 0), m(2, 0)),
                                              cv::Vec3d(m(0, 1), m(1, 1), m(2, 1)),
                                              cv::Vec3d(m(0, 2), m(1, 2), m(2, 2))};
    const double sign = cv::determinant(m) < 0 ? -1 : 1;
    for (std::size_t f = 0; f < mesh->faces.size(); ++f) {
      for (int k = 0; k < 3; ++k) {
        const auto i = static_cast<std::size_t>(mesh->faces[f][k]);
        const cv::Vec3d n = columns[1].cross(columns[2]) * (sign * normals.at(i, 0)) +
                            columns[2].cross(columns[0]) * (sign * normals.at(i, 1)) +
                            columns[0].cross(columns[1]) * (sign * normals.at(i, 2));
        const double length = cv::norm(n);
        if (length > 1e-30 && std::isfinite(length)) {
          mesh->corner_normals[3 * f + k] = n * (1 / length);
        }
      }
    }
  }

  MeshParts result_;
  GltfDocument document_;
  GltfMaterials materials_;
  std::vector<cv::Matx44d> world_;  // per node; the scene's nodes only
  std::vector<json> order_;         // the scene's nodes
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
