// COLMAP's sparse models, binary or text: cameras, images and a folder of photographs.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Whether a file is called as a table of a model is.
bool is_colmap_table(const std::filesystem::path& file);

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The path is a
// model's folder, one of its tables, or a scene's folder with the model in `sparse` or below it, in
// `colmap`, in a numbered folder, or in the copies that COLMAP's undistorter writes. Of several
// models the one with most images is read, and a note names the others; one that lacks a table
// costs the others nothing. Views come sorted by image name. Pixel centres are
// at (0.5, 0.5), as COLMAP's are.
std::optional<Scene> load_colmap(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
