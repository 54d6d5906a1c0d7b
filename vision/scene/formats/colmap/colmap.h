// COLMAP's sparse models, binary or text: cameras, images and a folder of photographs.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The model may
// be in sparse/0, sparse, colmap/sparse/0, 0 or the folder itself; of several the one with most
// images is read, and a note names the others. Views come sorted by image name. Pixel centres are
// at (0.5, 0.5), as COLMAP's are.
std::optional<Scene> load_colmap(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
