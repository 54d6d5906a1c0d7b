// The two tables of a COLMAP model that concern views, cameras and images, read from its binary or
// its text files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "vision/scene/camera.h"

namespace parallax {

struct ColmapCamera {
  Camera intrinsics;               // pose left at the identity
  std::vector<double> distortion;  // OpenCV's order; empty if there is none
};

struct ColmapImage {
  std::string name;   // relative to the folder of images
  std::string where;  // file, view and name, for later errors
  std::uint32_t camera_id = 0;
  cv::Matx44d w2c;
};

using ColmapCameras = std::map<std::uint32_t, ColmapCamera>;

// Each reads the .bin file if there is one, else the .txt file. Throws Error naming file and
// record. Counts in binary files are believed only as far as the file has bytes for them.
ColmapCameras read_colmap_cameras(const std::filesystem::path& model_folder);
std::vector<ColmapImage> read_colmap_images(const std::filesystem::path& model_folder);

// The file `cameras` or `images` of a model: .bin before .txt, an empty path if there is neither.
std::filesystem::path colmap_file(const std::filesystem::path& model_folder, const char* stem);

}  // namespace parallax
