// What the scene loaders share.
#include "vision/scene/formats/common/loader_support.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <opencv2/core.hpp>

#include "core/files/folder_listings.h"
#include "vision/scene/undistort.h"

namespace parallax {

void ViewCollector::finish(Scene& scene) {
  const size_t all = views_.size() + reasons_.size();
  if (views_.empty() && reasons_.size() == 1) {
    throw Error(reasons_.front());
  }
  if (views_.empty() && !reasons_.empty()) {
    throw Error(
        fmt::format("{} (and none of the other {} views can be used)", reasons_.front(), all - 1));
  }
  scene.views = std::move(views_);
  if (reasons_.empty()) {
    return;
  }
  scene.notes.push_back(left_out_note(all, reasons_));
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

cv::Matx44d from_opengl_axes(const cv::Matx44d& c2w) {
  return c2w * cv::Matx44d::diag({1, -1, -1, 1});
}

Error unsupported_camera_model(const std::string& model, const std::string& where) {
  return Error(ErrorParts{
      .what = fmt::format("camera model '{}' is not supported", model),
      .where = where,
      .expected = "a perspective or fisheye camera",
      .remedy = "Of a spherical image, cut perspective views first (COLMAP's panorama scripts and "
                "nerfstudio's `ns-process-data --camera-type equirectangular` do so)."});
}

Camera camera_of_shares(const double* numbers, cv::Size size, const std::string& where) {
  Camera camera;
  camera.width = size.width;
  camera.height = size.height;
  camera.fx = numbers[0] * size.width;
  camera.fy = numbers[1] * size.height;
  camera.cx = numbers[2] * size.width;
  camera.cy = numbers[3] * size.height;
  cv::Matx44d w2c = cv::Matx44d::eye();
  for (int i = 0; i < 12; ++i) {
    w2c(i / 4, i % 4) = numbers[6 + i];
  }
  validate_pose(w2c, where);
  camera.c2w = w2c.inv();
  validate_camera(camera, where);
  return camera;
}

void note_distortion(Scene& scene) {
  const auto distorted = std::count_if(scene.views.begin(),
                                       scene.views.end(),
                                       [](const View& view) { return !view.lens.is_pinhole(); });
  if (distorted > 0) {
    scene.notes.push_back(
        fmt::format("{} of {} views have lens distortion; their images are undistorted on loading.",
                    distorted,
                    scene.views.size()));
  }
  const auto wide = std::find_if(scene.views.begin(), scene.views.end(), [](const View& view) {
    return !view.lens.is_perspective();
  });
  if (wide != scene.views.end()) {
    const Camera pinhole = undistorted_camera(wide->camera, wide->lens, wide->name);
    scene.notes.push_back(fmt::format(
        "Such a view becomes that of a pinhole camera, {:.0f}° wide and {:.0f}° high; what its "
        "photograph does not show is transparent.",
        2 * std::atan(0.5 * pinhole.width / pinhole.fx) * 180 / CV_PI,
        2 * std::atan(0.5 * pinhole.height / pinhole.fy) * 180 / CV_PI));
  }
}

void note_unused_masks(Scene& scene) {
  const bool has_masks = std::any_of(scene.views.begin(), scene.views.end(), [](const View& view) {
    return !view.mask_path.empty();
  });
  FolderListings listings;
  for (const char* name : {"masks", "mask"}) {
    const std::filesystem::path folder = listings.find(scene.root, name);
    if (!has_masks && listings.is_folder(folder)) {
      scene.notes.push_back(fmt::format(
          "The masks in {} are not used: nothing says that they show the object ('mask_path' of "
          "transforms.json does; COLMAP's masks say where not to look for features).",
          folder.string()));
      return;
    }
  }
}

std::string first_bytes(const std::filesystem::path& file, size_t count) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) {
    return {};
  }
  std::ifstream stream(file, std::ios::binary);
  std::string bytes(count, '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<size_t>(stream.gcount()));
  return bytes;
}

}  // namespace parallax
