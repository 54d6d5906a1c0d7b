// COLMAP's camera models and pose convention, translated into ours.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vision/scene/formats/colmap/colmap_model.h"

namespace parallax {

// One of COLMAP's camera models.
struct ColmapLens {
  const char* name;
  int id;
  int parameters;
  int focals;  // 1: f, 2: fx fy; then cx cy, then the lens's parameters; 0: a spherical camera
  LensModel model;
};

// Each throws unsupported_camera_model, beginning with `where`, for a model that is not known.
const ColmapLens& find_colmap_lens(std::string_view name, const std::string& where);
const ColmapLens& find_colmap_lens(std::int32_t id, const std::string& where);

// A camera whose sizes or parameters are not usable, or that is spherical, has its `problem`, which
// begins with `where`. `parameters` has `model.parameters` entries.
ColmapCamera make_colmap_camera(const ColmapLens& model,
                                std::uint64_t width,
                                std::uint64_t height,
                                const std::vector<double>& parameters,
                                const std::string& where);

// Throws Error if there is a camera of that number.
void add_colmap_camera(ColmapCameras& cameras,
                       std::uint32_t id,
                       ColmapCamera camera,
                       const std::string& where);

// "images.bin, view 3 ('photo.jpg')".
std::string colmap_image_place(const std::filesystem::path& file,
                               size_t index,
                               std::string_view name);

// World-to-camera from the quaternion w x y z, of any length, and the translation.
// Throws Error, beginning with `where`, if they are no pose.
cv::Matx44d make_colmap_pose(const std::array<double, 7>& pose, const std::string& where);

// The same, with the error's sentence in `problem` in place of an Error.
cv::Matx44d colmap_pose_or_problem(const std::array<double, 7>& pose,
                                   const std::string& where,
                                   std::string& problem);

}  // namespace parallax
