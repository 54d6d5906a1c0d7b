// Transforms, parents and instances.
#include "vision/synth/meshes/gltf_nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace parallax {
namespace {

using nlohmann::json;

// Nodes in scenes are seldom deeper than twenty; a circle of nodes has no end.
constexpr int kDeepestNode = 1000;
constexpr std::size_t kMostInstances = 1 << 20;

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

}  // namespace

GltfNodes::GltfNodes(GltfDocument* document)
    : document_(document), world_(document->size("nodes"), cv::Matx44d::eye()) {
  for (const json& node : root_nodes()) {
    place(node, cv::Matx44d::eye(), 0);
  }
}

const cv::Matx44d& GltfNodes::world(const json& index) const {
  document_->item("nodes", index);
  return world_[index.get<std::size_t>()];
}

std::vector<json> GltfNodes::root_nodes() {
  const std::size_t count = document_->size("scenes");
  if (count == 0) {
    return parentless_nodes();
  }
  const json& given = gltf_member(document_->root(), "scene");
  const json& scene = document_->item("scenes", given.is_null() ? json(0U) : given);
  if (count > 1) {
    const json& name = gltf_member(scene, "name");
    note_ = fmt::format("of its {} scenes {} is shown",
                        count,
                        name.is_string() ? "'" + name.get<std::string>() + "'" : "the default");
  }
  std::vector<json> roots;
  for (const json& node : gltf_member(scene, "nodes")) {
    roots.push_back(node);
  }
  return roots;
}

std::vector<json> GltfNodes::parentless_nodes() const {
  std::vector<bool> is_child(document_->size("nodes"));
  for (std::size_t i = 0; i < is_child.size(); ++i) {
    for (const json& child : gltf_member(document_->item("nodes", i), "children")) {
      document_->item("nodes", child);
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
void GltfNodes::place(const json& index, const cv::Matx44d& parent, int depth) {
  const json& node = document_->item("nodes", index);
  if (depth > kDeepestNode || order_.size() > 2 * world_.size()) {
    document_->fail("nodes that contain themselves");
  }
  cv::Matx44d& world = world_[index.get<std::size_t>()];
  world = parent * node_matrix(node);
  order_.push_back(index);
  const cv::Matx44d own = world;
  for (const json& child : gltf_member(node, "children")) {
    place(child, own, depth + 1);
  }
}

std::vector<cv::Matx44d> GltfNodes::instances_of(const json& node) const {
  const json& attributes =
      gltf_member(gltf_extension(node, "EXT_mesh_gpu_instancing"), "attributes");
  if (!attributes.is_object() || attributes.empty()) {
    return {cv::Matx44d::eye()};
  }
  const auto read = [&](const char* name, std::size_t width) {
    const json& accessor = gltf_member(attributes, name);
    return accessor.is_null() ? GltfValues{width, {}} : document_->values(accessor, {width});
  };
  const GltfValues t = read("TRANSLATION", 3);
  const GltfValues r = read("ROTATION", 4);
  const GltfValues s = read("SCALE", 3);
  const std::size_t count = std::max({t.count(), r.count(), s.count()});
  if (count > kMostInstances) {
    document_->fail(fmt::format("{} instances of one mesh", count));
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

}  // namespace parallax
