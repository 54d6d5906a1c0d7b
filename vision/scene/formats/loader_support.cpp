// What the scene loaders share.
#include "vision/scene/formats/loader_support.h"

#include <fmt/format.h>

#include <algorithm>

namespace parallax {

namespace fs = std::filesystem;

fs::path find_scene_image(const fs::path& root, const std::string& name, const std::string& where) {
  std::string slashes = name;
  std::replace(slashes.begin(), slashes.end(), '\\', '/');
  std::error_code error;  // a name too long or a folder without permission counts as missing
  for (const std::string& spelling : {name, slashes}) {
    for (const char* extension : {"", ".png", ".jpg", ".jpeg", ".JPG", ".PNG"}) {
      const fs::path candidate = (root / (spelling + extension)).lexically_normal();
      if (fs::is_regular_file(candidate, error)) {
        return candidate;
      }
    }
  }
  throw Error(ErrorParts{.what = "the image file is missing",
                         .where = where,
                         .expected = (root / slashes).lexically_normal().string()});
}

std::vector<double> tidy_distortion(std::vector<double> coefficients) {
  size_t used = coefficients.size();
  while (used > 0 && coefficients[used - 1] == 0) {
    --used;
  }
  if (used == 0) {
    return {};
  }
  coefficients.resize(used <= 4 ? 4 : used <= 5 ? 5 : 8, 0.0);
  return coefficients;
}

Error unsupported_camera_model(const std::string& model, const std::string& where) {
  return Error(ErrorParts{
      .what = fmt::format("camera model '{}' is not supported", model),
      .where = where,
      .expected = "a pinhole camera, with or without OpenCV's lens distortion",
      .remedy = "Undistort the images to a pinhole camera first (for example with `colmap "
                "image_undistorter`) and load the result."});
}

void note_distortion(Scene& scene) {
  const auto distorted = std::count_if(scene.views.begin(),
                                       scene.views.end(),
                                       [](const View& view) { return !view.distortion.empty(); });
  if (distorted > 0) {
    scene.notes.push_back(
        fmt::format("{} of {} views have lens distortion; their images are undistorted on loading.",
                    distorted,
                    scene.views.size()));
  }
}

}  // namespace parallax
