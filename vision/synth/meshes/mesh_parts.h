// What the readers of mesh files give: parts in the file's own axes, with notes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "vision/synth/render_scene.h"

namespace parallax {

// A mesh file's content.
struct MeshParts {
  std::vector<RenderPart> parts;   // each with faces; corner_normals filled
  std::vector<std::string> notes;  // one sentence each, without the file's name
};

// The error of a damaged or unsupported mesh file.
inline Error broken_mesh(const std::filesystem::path& path,
                         const std::string& got,
                         const std::string& remedy = "Export it again.") {
  return Error(ErrorParts{.what = "the mesh cannot be read",
                          .where = path.string(),
                          .expected = "a sound glTF, OBJ, PLY or STL file",
                          .got = got,
                          .remedy = remedy});
}

}  // namespace parallax
