// Users' own meshes (glTF, OBJ, PLY, STL) as scenes, through assimp.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vision/synth/render_scene.h"

namespace parallax {

enum class UpAxis {
  kAuto,  // y for glTF, as its specification says; z for the others
  kY,
  kZ,
};

struct MeshImportOptions {
  UpAxis up = UpAxis::kAuto;
  float radius = 0.9F;  // the mesh is centred and scaled into a sphere of this radius
};

struct ImportedMesh {
  RenderScene scene;
  std::vector<std::string> notes;  // what the user may want to know, a sentence each
};

// Vertices, faces, base colours, vertex colours and colour textures. Throws Error naming the file
// when it is missing, broken or holds no triangles; a missing texture image is only a note.
ImportedMesh import_mesh(const std::filesystem::path& path, const MeshImportOptions& options = {});

}  // namespace parallax
