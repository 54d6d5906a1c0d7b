// Scenes in the layout of MVSNet (Yao et al. 2018), as its DTU, Tanks and Temples and BlendedMVS
// data, its successors and the converters from COLMAP have it.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The path is
// the folder that holds `cams` (or `cams_1`) beside `images` (or BlendedMVS's `blended_images`), or
// `cams` itself. NAME_cam.txt has the word `extrinsic` and 4 × 4 numbers, world to camera in our
// axes, `intrinsic` and 3 × 3 numbers in pixels of the photograph NAME, and depths, which are not
// used.
std::optional<Scene> load_mvsnet(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
