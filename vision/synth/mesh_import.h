// Users' own meshes (glTF, OBJ, PLY, STL) as scenes, mostly through assimp.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vision/synth/render_scene.h"

namespace parallax {

// The axis of a mesh file that points up.
enum class UpAxis {
  kAuto,  // y for glTF, as its specification requires; z for the other formats
  kY,
  kZ,
};

// How a mesh is placed in its scene.
struct MeshImportOptions {
  UpAxis up = UpAxis::kAuto;
  float radius = 0.9F;  // the mesh is centred and scaled into a sphere of this radius
};

// A mesh as a scene, with notes on what was found.
struct ImportedMesh {
  RenderScene scene;
  std::vector<std::string> notes;  // one sentence each on what the user may want to know
};

// Reads vertices, faces, base colours, vertex colours and colour textures. Throws Error naming the
// file if it is missing, broken or holds no triangles; a missing texture image is only a note.
ImportedMesh import_mesh(const std::filesystem::path& path, const MeshImportOptions& options = {});

}  // namespace parallax
