// Reads OpenMVG's sfm_data.json.
#pragma once

#include <filesystem>
#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// `path` is such a file, or a folder with sfm_data.json in it. OpenMVG counts pixel centres from 0
// (it samples images at whole numbers, src/openMVG/cameras/Camera_undistort_image.hpp), so that
// half a pixel is added to its principal points. Photographs are sought in the file's `root_path`,
// in `images` beside the file or one folder up. Throws Error for a damaged file, and for one that
// has no poses yet.
std::optional<Scene> load_openmvg(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
