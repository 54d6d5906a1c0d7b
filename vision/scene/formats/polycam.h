// Reads the raw data that Polycam exports ("Raw data" in developer mode).
#pragma once

#include <filesystem>
#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// `path` is the exported folder, or the folder `keyframes` in it. Each JSON file of
// `corrected_cameras` describes the image of that name in `corrected_images`; where the capture was
// not optimised, `cameras` and `images` take their place, with a note. Poses are ARKit's: camera to
// world with t_00 … t_23, x right, y up, z backwards. Principal points are ARKit's, too, which
// counts from the image's top-left corner, so that pixel centres are at (0.5, 0.5). Throws Error if
// no view can be read.
std::optional<Scene> load_polycam(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
