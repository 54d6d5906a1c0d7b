// COLMAP's binary tables (src/colmap/scene/reconstruction_io_binary.cc of COLMAP 4.2).
#pragma once

#include "vision/scene/formats/colmap/colmap_model.h"

namespace parallax::colmap_binary {

ColmapCameras read_cameras(const std::filesystem::path& path);
std::vector<ColmapImage> read_images(const std::filesystem::path& path);
ColmapRigs read_rigs(const std::filesystem::path& path);
std::vector<ColmapFrame> read_frames(const std::filesystem::path& path);
size_t count_images(const std::filesystem::path& path);

}  // namespace parallax::colmap_binary
