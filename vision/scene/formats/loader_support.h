// What the scene loaders share: finding images, tidying distortion, refusing camera models.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "vision/scene/scene.h"

namespace parallax {

// The image that a scene file names, relative to `root` or absolute. Names without an extension
// (NeRF's synthetic scenes) and names with backslashes (scenes made on Windows) are supported.
// Throws Error, beginning with `where`, if there is no such file.
std::filesystem::path find_scene_image(const std::filesystem::path& root,
                                       const std::string& name,
                                       const std::string& where);

// Distortion in OpenCV's order without trailing zeros beyond a length that OpenCV accepts (4, 5 or
// 8); empty if all are zero.
std::vector<double> tidy_distortion(std::vector<double> coefficients);

// The Error for a camera whose images are not pinhole images even after undistortion.
Error unsupported_camera_model(const std::string& model, const std::string& where);

// Adds a note on how many views will be undistorted, if any.
void note_distortion(Scene& scene);

}  // namespace parallax
