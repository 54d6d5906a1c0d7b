// TUM's RGB-D benchmark (Sturm et al. 2012), and what is recorded in its format, such as ETH3D's
// SLAM benchmark.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such sequence; Error if it does but it is broken. The path is the
// folder, with rgb.txt ("timestamp file") and groundtruth.txt ("timestamp tx ty tz qx qy qz qw",
// camera to world in OpenCV's axes). A photograph's pose is interpolated between the two around its
// timestamp, one of which must be within 0.02 s. Intrinsics are calibration.txt's ("fx fy cx cy"
// and perhaps k1 k2 p1 p2 k3), else those that TUM publishes for the camera that the folder's name
// says: freiburg1, freiburg2 or freiburg3.
std::optional<Scene> load_tum_rgbd(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
