// The JSON file per scene that LVSM's data processing writes (Jin et al. 2024) for RealEstate10K
// and others; Long-LRM and RayZer read the same.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path is no such file; Error if it is but the scene is broken. `frames` is a list
// of {image_path, fxfycxcy, w2c}: pixels of the image as it is stored, pixel centres at (0.5, 0.5).
// Paths of another machine are found by their ends, beside the file or in the folders above it.
std::optional<Scene> load_lvsm_json(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
