// Writers of the formats in which people keep captures for reconstruction and SLAM, for
// format_writers().
#pragma once

#include <filesystem>

#include "vision/scene/scene.h"

namespace parallax::testing {

// Each puts the scene into the folder and returns what load_scene() takes.

// sdfstudio's meta_data.json beside its photographs.
std::filesystem::path write_sdfstudio(const Scene& scene, const std::filesystem::path& folder);
// VisualSFM's file, with FixedK.
std::filesystem::path write_visualsfm(const Scene& scene, const std::filesystem::path& folder);
// Replica as NICE-SLAM has it: intrinsics for all rooms beside their folders.
std::filesystem::path write_replica(const Scene& scene, const std::filesystem::path& folder);
// TUM's RGB-D benchmark, with poses at other moments than photographs.
std::filesystem::path write_tum_rgbd(const Scene& scene, const std::filesystem::path& folder);
// KITTI's odometry: sequences/07 and poses/07.txt, of the third camera alone.
std::filesystem::path write_kitti(const Scene& scene, const std::filesystem::path& folder);

}  // namespace parallax::testing
