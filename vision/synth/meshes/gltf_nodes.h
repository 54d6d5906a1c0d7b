// Where a glTF scene's nodes are.
#pragma once

#include <nlohmann/json.hpp>
#include <opencv2/core/matx.hpp>
#include <string>
#include <vector>

#include "vision/synth/meshes/gltf_document.h"

namespace parallax {

// The nodes of the scene that a document shows: its default one, else all of its nodes. Members
// throw Error naming the file where it is damaged.
class GltfNodes {
 public:
  explicit GltfNodes(GltfDocument* document);

  // The scene's nodes, parents first, as indices.
  const std::vector<nlohmann::json>& order() const { return order_; }
  // From the node's coordinates to the world's; the identity for a node outside the scene.
  const cv::Matx44d& world(const nlohmann::json& index) const;
  // EXT_mesh_gpu_instancing: the placements of a node's mesh, mostly one.
  std::vector<cv::Matx44d> instances_of(const nlohmann::json& node) const;
  // What to tell the user of the choice of the scene; mostly nothing.
  const std::string& note() const { return note_; }

 private:
  std::vector<nlohmann::json> root_nodes();
  std::vector<nlohmann::json> parentless_nodes() const;
  void place(const nlohmann::json& index, const cv::Matx44d& parent, int depth);

  GltfDocument* document_;
  std::vector<cv::Matx44d> world_;
  std::vector<nlohmann::json> order_;
  std::string note_;
};

}  // namespace parallax
