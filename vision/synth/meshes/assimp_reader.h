// OBJ and STL meshes: geometry through assimp, OBJ's materials through mtl_reader.h.
#pragma once

#include <filesystem>

#include "vision/synth/meshes/mesh_parts.h"

namespace parallax {

// Vertices, faces, colours, materials and textures of an OBJ or STL file. Throws Error naming the
// file if it is broken or holds no triangles.
MeshParts read_with_assimp(const std::filesystem::path& path);

}  // namespace parallax
