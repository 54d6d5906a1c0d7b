// The geometry of a glTF primitive: its triangles, and what moves and colours its vertices.
//
// All functions throw Error naming the file where it is damaged.
#pragma once

#include <nlohmann/json.hpp>
#include <opencv2/core/matx.hpp>
#include <string>

#include "vision/synth/mesh.h"
#include "vision/synth/meshes/gltf_document.h"
#include "vision/synth/meshes/gltf_nodes.h"

namespace parallax {

// Positions and triangles. Returns why the primitive is left out; nothing if it is not, or if it
// has no triangles.
std::string read_gltf_faces(GltfDocument& document,
                            const nlohmann::json& primitive,
                            TriangleMesh* mesh);

// Moves the vertices by the morph targets' default weights; whether any has one.
bool apply_gltf_morphs(GltfDocument& document,
                       const nlohmann::json& node,
                       const nlohmann::json& mesh,
                       const nlohmann::json& primitive,
                       TriangleMesh* result);

// Moves the vertices with the skin's joints; false if the primitive has no joints.
bool apply_gltf_skin(GltfDocument& document,
                     const GltfNodes& nodes,
                     const nlohmann::json& skin_index,
                     const nlohmann::json& primitive,
                     TriangleMesh* mesh);

// Colours at the vertices, if there are any.
void read_gltf_colors(GltfDocument& document, const nlohmann::json& primitive, TriangleMesh* mesh);

// Moves the mesh; a mirroring turns its faces round so that they stay counter-clockwise.
void place_gltf_mesh(const GltfDocument& document, const cv::Matx44d& matrix, TriangleMesh* mesh);

// Normals at the corners of a mesh that `matrix` has placed, if there are any.
void read_gltf_normals(GltfDocument& document,
                       const nlohmann::json& primitive,
                       const cv::Matx44d& matrix,
                       TriangleMesh* mesh);

}  // namespace parallax
