// COLMAP's sparse models, binary or text: cameras, images and a folder of photographs.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Empty if the path holds no such scene; throws Error if it does but the scene is broken. The model
// may be stored in sparse/0, sparse, colmap/sparse/0, 0 or the folder itself; views are sorted by
// image name.
std::optional<Scene> load_colmap(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
