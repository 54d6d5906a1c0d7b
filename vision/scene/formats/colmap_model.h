// Reads a COLMAP model's tables of cameras and images from its binary or its text files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "vision/scene/camera.h"

namespace parallax {

// A camera of a COLMAP model, translated into OpenCV's convention.
struct ColmapCamera {
  Camera intrinsics;               // pose left at the identity
  std::vector<double> distortion;  // OpenCV's order; empty if there is none
};

// A posed image of a COLMAP model.
struct ColmapImage {
  std::string name;   // relative to the folder of images
  std::string where;  // file, view and name, for later errors
  std::uint32_t camera_id = 0;
  cv::Matx44d w2c;
};

// Cameras by their id in the model.
using ColmapCameras = std::map<std::uint32_t, ColmapCamera>;

// Each reads the .bin file if there is one, else the .txt file. Throws Error naming file and
// record. Counts in binary files are trusted only as far as the file has bytes for them.
ColmapCameras read_colmap_cameras(const std::filesystem::path& model_folder);
std::vector<ColmapImage> read_colmap_images(const std::filesystem::path& model_folder);

// The file `cameras` or `images` of a model: .bin before .txt, an empty path if there is neither.
std::filesystem::path colmap_file(const std::filesystem::path& model_folder, const char* stem);

}  // namespace parallax
