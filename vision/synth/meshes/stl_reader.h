// STL meshes, binary and text.
#pragma once

#include <filesystem>

#include "vision/synth/meshes/mesh_parts.h"

namespace parallax {

// One part of all solids, whose vertices in one place are one; facets' colours of binary files
// after either convention. Throws Error naming the file if it is broken, cut off or holds no
// triangles.
MeshParts read_stl(const std::filesystem::path& path);

}  // namespace parallax
