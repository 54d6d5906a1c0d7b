// Replica's rooms (Straub et al. 2019) as iMAP and NICE-SLAM rendered them, the captures that dense
// SLAM is measured on.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The path is
// the folder or its traj.txt, whose line I is the camera-to-world matrix of results/frameI.jpg, in
// OpenCV's axes. Intrinsics are cam_params.json's, beside traj.txt or one folder up; photographs of
// 1200 × 680 pixels are Replica's where there is none.
std::optional<Scene> load_replica(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
