// COLMAP's camera models and pose convention, translated into ours.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vision/scene/formats/colmap_model.h"

namespace parallax {

// How close a COLMAP camera model is to a pinhole camera with OpenCV's distortion.
enum class LensKind {
  kOpenCv,       // the distortion parameters are the first ones of OpenCV's order
  kFieldOfView,  // a pinhole camera only if its one parameter is zero
  kFisheye,      // equidistant: not a pinhole camera even if all parameters are zero
};

// One of COLMAP's camera models: its name, its id and its parameters.
struct ColmapLens {
  const char* name;
  int id;
  int parameters;
  int focals;  // 1: f, 2: fx fy; then cx cy, then the distortion
  LensKind kind;
};

// Each throws unsupported_camera_model, beginning with `where`, for a model that is unknown or a
// fisheye.
const ColmapLens& find_colmap_lens(std::string_view name, const std::string& where);
const ColmapLens& find_colmap_lens(std::int32_t id, const std::string& where);

// Throws Error for unusable sizes and parameters, and for a field-of-view lens with distortion.
// `parameters` has `model.parameters` entries.
ColmapCamera make_colmap_camera(const ColmapLens& model,
                                std::uint64_t width,
                                std::uint64_t height,
                                const std::vector<double>& parameters,
                                const std::string& where);

// World-to-camera from the quaternion w x y z, of any length, and the translation.
cv::Matx44d make_colmap_pose(const std::array<double, 7>& pose, const std::string& where);

}  // namespace parallax
