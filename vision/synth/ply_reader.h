// PLY meshes. They are not read through assimp, whose loader hangs or aborts on damaged files.
#pragma once

#include <filesystem>

#include "vision/synth/mesh.h"

namespace parallax {

// Vertices, colours and faces (polygons become fans) of an ASCII or binary PLY file, with normals
// computed. Throws Error naming the file when it is broken or holds no faces.
TriangleMesh read_ply(const std::filesystem::path& path);

}  // namespace parallax
