// Users' own meshes (glTF, OBJ, PLY, STL) as scenes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vision/synth/render_scene.h"

namespace parallax {

// The axis of a mesh file that points up.
enum class UpAxis {
  kAuto,  // y for glTF, as its specification requires, and for OBJ, with a note, as most programs
          // write it; z for the others
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

// Reads vertices, faces, colours and textures with their alpha, and light that materials emit.
// Throws Error naming the file if it is missing, broken or holds no triangles; a texture that
// cannot be read is only a note.
ImportedMesh import_mesh(const std::filesystem::path& path, const MeshImportOptions& options = {});

}  // namespace parallax
