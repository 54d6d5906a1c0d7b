// OBJ meshes: polygons; materials through obj_surfaces.h.
//
// assimp 5.2.4 reads beyond its buffers where a file is damaged.
#pragma once

#include <filesystem>

#include "vision/synth/meshes/mesh_parts.h"

namespace parallax {

// One part per material, of faces (f) with positions (v) and their colours, texture coordinates
// (vt) and normals (vn). Lines, points and curved surfaces are left out. Throws Error naming the
// file, and the line, if it is broken or holds no triangles.
MeshParts read_obj(const std::filesystem::path& path);

}  // namespace parallax
