// opencv_cameras.json: a list of {w, h, fx, fy, cx, cy, w2c, file_path}, OpenCV convention.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Empty if the path holds no such scene; throws Error if it does but the scene is broken.
std::optional<Scene> load_opencv_json(const std::filesystem::path& path,
                                      const SceneOptions& options);

// Writes the scene's cameras to `path`, atomically, with image paths relative to its folder. Throws
// Error for a view with lens distortion, for which the format has no field.
void save_opencv_json(const Scene& scene, const std::filesystem::path& path);

}  // namespace parallax
