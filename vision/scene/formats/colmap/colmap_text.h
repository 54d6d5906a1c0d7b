// COLMAP's text tables (src/colmap/scene/reconstruction_io_text.cc of COLMAP 4.2), as COLMAP and
// those who imitate it write them.
#pragma once

#include "vision/scene/formats/colmap/colmap_model.h"

namespace parallax::colmap_text {

ColmapCameras read_cameras(const std::filesystem::path& path);

// Two lines per image, or one where a converter left out the lines of points: a line of points is
// empty or consists of triples of numbers. Throws Error naming a line that is neither.
std::vector<ColmapImage> read_images(const std::filesystem::path& path);

ColmapRigs read_rigs(const std::filesystem::path& path);
std::vector<ColmapFrame> read_frames(const std::filesystem::path& path);
size_t count_images(const std::filesystem::path& path);

}  // namespace parallax::colmap_text
