// LLFF's poses_bounds.npy (Local Light Field Fusion, Mildenhall et al. 2019), as the forward-facing
// scenes of NeRF and their successors have it.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The path is
// the folder or the file itself. A row per photograph, in the order of their names: 3 × 5 numbers,
// whose columns are the camera's down, right and back, its position, and (height, width, focal
// length in pixels) of the images that the poses were computed from; then two depths, which are not
// used. The principal point is the middle of the image.
std::optional<Scene> load_llff(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
