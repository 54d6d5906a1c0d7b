// glTF meshes: a scene's nodes with their meshes, skins and instances.
#pragma once

#include <filesystem>

#include "vision/synth/meshes/mesh_parts.h"

namespace parallax {

// The default scene of a .gltf or .glb file, as it stands before any animation; y is up. Throws
// Error naming the file if it is broken, compressed or holds no triangles.
MeshParts read_gltf(const std::filesystem::path& path);

}  // namespace parallax
