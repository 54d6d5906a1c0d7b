// PLY meshes. They are not read through assimp, whose loader hangs or aborts on damaged files.
#pragma once

#include <filesystem>

#include "vision/synth/meshes/mesh_parts.h"

namespace parallax {

// Vertices and faces (polygons become fans) of an ASCII or binary PLY file, with colours per vertex
// or per face, and with MeshLab's textures: `comment TextureFile`, coordinates per vertex or per
// corner. Throws Error naming the file when it is broken or holds no faces.
MeshParts read_ply(const std::filesystem::path& path);

}  // namespace parallax
