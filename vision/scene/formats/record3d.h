// Reads captures of the iPhone app Record3D.
#pragma once

#include <filesystem>
#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// `path` is the file metadata.json (`metadata` in an unpacked .r3d file), or the folder that holds
// it. Image i is `rgb/i.jpg` or `rgbd/i.jpg`. Poses are a quaternion x y z w and a position, camera
// to world with x right, y up, z backwards, for the image as it is stored: Record3D turns landscape
// captures to portrait together with their poses, K, w and h. K is stored column by column;
// `perFrameIntrinsicCoeffs` (fx fy cx cy) goes before it. Both are ARKit's, which counts from the
// image's top-left corner, so that pixel centres are at (0.5, 0.5). Throws Error for a damaged
// file, a capture without poses, and a packed .r3d file.
std::optional<Scene> load_record3d(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
