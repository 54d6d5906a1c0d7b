// The cameras.json that 3D Gaussian splatting (Kerbl et al. 2023) and its successors write beside
// what they train.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The path is
// the folder or the file itself: a list of {img_name, width, height, fx, fy, rotation, position},
// where rotation and position are those of the camera in the world, in our axes, and the principal
// point is the middle. Photographs are in the file's folder or, as `cfg_args` beside it says, in
// that of the scene that was trained on. The file does not say which views were held out.
std::optional<Scene> load_gaussian_splatting(const std::filesystem::path& path,
                                             const SceneOptions& options);

}  // namespace parallax
