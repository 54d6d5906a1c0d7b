// Accessors of positions, joints, colours and normals.
#include "vision/synth/meshes/gltf_primitive.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace parallax {
namespace {

using nlohmann::json;

cv::Vec3d transformed(const cv::Matx44d& m, const cv::Vec3f& p) {
  cv::Vec3d result;
  for (int i = 0; i < 3; ++i) {
    result[i] = m(i, 0) * p[0] + m(i, 1) * p[1] + m(i, 2) * p[2] + m(i, 3);
  }
  return result;
}

// Triangles (4), a strip (5) or a fan (6).
void add_triangles(const std::vector<std::uint32_t>& indices, int mode, TriangleMesh* mesh) {
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

}  // namespace

std::string read_gltf_faces(GltfDocument& document, const json& primitive, TriangleMesh* mesh) {
  const json& mode_member = gltf_member(primitive, "mode");
  const int mode = mode_member.is_number_integer() ? mode_member.get<int>() : 4;
  const json& position = gltf_member(gltf_member(primitive, "attributes"), "POSITION");
  if (mode < 4 || position.is_null()) {
    return mode < 4 ? "its points and lines are left out" : "a mesh without positions is left out";
  }
  const json& accessor = document.item("accessors", position);
  if (!gltf_extension(primitive, "KHR_draco_mesh_compression").is_null() &&
      gltf_member(accessor, "bufferView").is_null()) {
    document.fail("compressed data (KHR_draco_mesh_compression)",
                  "Write it without compression, for example with `gltf-transform copy IN OUT`.");
  }
  const GltfValues points = document.values(position, {3});
  for (std::size_t i = 0; i < points.count(); ++i) {
    const cv::Vec3f p = {points.at(i, 0), points.at(i, 1), points.at(i, 2)};
    if (!std::isfinite(p[0]) || !std::isfinite(p[1]) || !std::isfinite(p[2])) {
      document.fail("a vertex whose position is not a finite number");
    }
    mesh->vertices.push_back(p);
  }
  std::vector<std::uint32_t> indices;
  if (const json& given = gltf_member(primitive, "indices"); !given.is_null()) {
    indices = document.integers(given);
  } else {
    for (std::size_t i = 0; i < points.count(); ++i) {
      indices.push_back(static_cast<std::uint32_t>(i));
    }
  }
  for (const std::uint32_t index : indices) {
    if (index >= points.count()) {
      document.fail("a face that names a vertex beyond the last");
    }
  }
  add_triangles(indices, mode, mesh);
  return {};
}

bool apply_gltf_morphs(GltfDocument& document,
                       const json& node,
                       const json& mesh,
                       const json& primitive,
                       TriangleMesh* result) {
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
    const GltfValues offsets = document.values(position, {3});
    if (offsets.count() != result->vertices.size()) {
      document.fail("a morph target of another number of vertices");
    }
    for (std::size_t i = 0; i < offsets.count(); ++i) {
      result->vertices[i] +=
          cv::Vec3f(offsets.at(i, 0), offsets.at(i, 1), offsets.at(i, 2)) * weight;
    }
    moved = true;
  }
  return moved;
}

bool apply_gltf_skin(GltfDocument& document,
                     const GltfNodes& nodes,
                     const json& skin_index,
                     const json& primitive,
                     TriangleMesh* mesh) {
  const json& attributes = gltf_member(primitive, "attributes");
  const json& joints_accessor = gltf_member(attributes, "JOINTS_0");
  const json& weights_accessor = gltf_member(attributes, "WEIGHTS_0");
  const json& skin = document.item("skins", skin_index);
  const json& joints = gltf_member(skin, "joints");
  if (joints_accessor.is_null() || weights_accessor.is_null() || !joints.is_array()) {
    return false;
  }
  const json& inverse_accessor = gltf_member(skin, "inverseBindMatrices");
  const GltfValues inverses =
      inverse_accessor.is_null() ? GltfValues{16, {}} : document.values(inverse_accessor, {16});
  std::vector<cv::Matx44d> matrices;
  for (std::size_t j = 0; j < joints.size(); ++j) {
    cv::Matx44d inverse = cv::Matx44d::eye();
    for (int k = 0; j < inverses.count() && k < 16; ++k) {
      inverse(k % 4, k / 4) = inverses.at(j, k);
    }
    matrices.push_back(nodes.world(joints[j]) * inverse);
  }
  const GltfValues used = document.values(joints_accessor, {4});
  const GltfValues weights = document.values(weights_accessor, {4});
  if (used.count() != mesh->vertices.size() || weights.count() != mesh->vertices.size()) {
    document.fail("joints for another number of vertices");
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

void read_gltf_colors(GltfDocument& document, const json& primitive, TriangleMesh* mesh) {
  const json& accessor = gltf_member(gltf_member(primitive, "attributes"), "COLOR_0");
  if (accessor.is_null()) {
    return;
  }
  const GltfValues colors = document.values(accessor, {3, 4});
  if (colors.count() != mesh->vertices.size()) {
    document.fail("colours for another number of vertices");
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

void place_gltf_mesh(const GltfDocument& document, const cv::Matx44d& matrix, TriangleMesh* mesh) {
  for (cv::Vec3f& p : mesh->vertices) {
    p = transformed(matrix, p);
    if (!std::isfinite(p[0]) || !std::isfinite(p[1]) || !std::isfinite(p[2])) {
      document.fail("a vertex whose position is not a finite number");
    }
  }
  if (cv::determinant(matrix.get_minor<3, 3>(0, 0)) < 0) {
    for (cv::Vec3i& face : mesh->faces) {
      std::swap(face[1], face[2]);
    }
  }
}

void read_gltf_normals(GltfDocument& document,
                       const json& primitive,
                       const cv::Matx44d& matrix,
                       TriangleMesh* mesh) {
  const json& accessor = gltf_member(gltf_member(primitive, "attributes"), "NORMAL");
  if (accessor.is_null()) {
    return;
  }
  const GltfValues normals = document.values(accessor, {3});
  if (normals.count() != mesh->vertices.size()) {
    document.fail("normals for another number of vertices");
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

}  // namespace parallax
