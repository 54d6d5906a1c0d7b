// Writers of the formats of data sets and of what trains on them, for format_writers().
#pragma once

#include <filesystem>

#include "vision/scene/scene.h"

namespace parallax::testing {

// Each puts the scene into the folder and returns what load_scene() takes.

// What 3D Gaussian splatting leaves beside its model: photographs stay with the scene trained on.
std::filesystem::path write_gaussian_splatting(const Scene& scene,
                                               const std::filesystem::path& folder);
// MVSNet's layout, as converters from COLMAP write it.
std::filesystem::path write_mvsnet(const Scene& scene, const std::filesystem::path& folder);
// NSVF's Tanks and Temples, without a test split.
std::filesystem::path write_nsvf(const Scene& scene, const std::filesystem::path& folder);
// NeuS's archive of projections, with a unit sphere of its own.
std::filesystem::path write_neus(const Scene& scene, const std::filesystem::path& folder);
// RealityCapture's table of internal and external parameters.
std::filesystem::path write_reality_capture(const Scene& scene,
                                            const std::filesystem::path& folder);

}  // namespace parallax::testing
