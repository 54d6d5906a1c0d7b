// KITTI's odometry benchmark (Geiger et al. 2012): drives through a town.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such sequence; Error if it does but it is broken. The path is a
// sequence's folder, with calib.txt and image_2 (else image_3, image_0 or image_1). Line I of
// poses.txt there, or of ../../poses/SEQUENCE.txt, is the pose of camera 0 for photograph I; P2 of
// calib.txt says where camera 2 is beside it.
std::optional<Scene> load_kitti(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
