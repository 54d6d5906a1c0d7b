// Undistortion with OpenCV's remap.
#include "vision/scene/undistort.h"

#include <fmt/format.h>

#include <opencv2/calib3d.hpp>
#include <opencv2/imgproc.hpp>

#include "core/base/error.h"

namespace parallax {
namespace {

// OpenCV counts pixel centres from 0, our cameras from 0.5.
cv::Matx33d opencv_intrinsics(const Camera& camera) {
  return {camera.fx, 0, camera.cx - 0.5, 0, camera.fy, camera.cy - 0.5, 0, 0, 1};
}

// Directions through the outermost pixel centres of a pinhole camera, at z = 1.
std::vector<cv::Point3d> border_directions(const Camera& camera) {
  std::vector<cv::Point3d> directions;
  const auto add = [&](double u, double v) {
    directions.emplace_back(
        (u + 0.5 - camera.cx) / camera.fx, (v + 0.5 - camera.cy) / camera.fy, 1);
  };
  for (int u = 0; u < camera.width; ++u) {
    add(u, 0);
    add(u, camera.height - 1);
  }
  for (int v = 0; v < camera.height; ++v) {
    add(0, v);
    add(camera.width - 1, v);
  }
  return directions;
}

// True if everything that `pinhole` shows is inside the photograph, to within half a pixel.
bool shows_only_photograph(const Camera& pinhole,
                           const Camera& photograph,
                           const std::vector<double>& distortion) {
  std::vector<cv::Point2d> seen;
  cv::projectPoints(border_directions(pinhole),
                    cv::Vec3d(),
                    cv::Vec3d(),
                    opencv_intrinsics(photograph),
                    distortion,
                    seen);
  constexpr double kSlack = 0.5;
  for (const cv::Point2d& point : seen) {
    // Written so that NaN counts as outside.
    const bool inside = point.x >= -kSlack && point.x <= photograph.width - 1 + kSlack &&
                        point.y >= -kSlack && point.y <= photograph.height - 1 + kSlack;
    if (!inside) {
      return false;
    }
  }
  return true;
}

Camera magnified(const Camera& camera, double factor) {
  Camera result = camera;
  result.fx *= factor;
  result.fy *= factor;
  return result;
}

Camera find_pinhole(const Camera& camera,
                    const std::vector<double>& distortion,
                    const std::string& where) {
  constexpr double kStep = 1.01;
  constexpr double kLargest = 4;
  for (double factor = 1; factor <= kLargest; factor *= kStep) {
    const Camera candidate = magnified(camera, factor);
    if (shows_only_photograph(candidate, camera, distortion)) {
      return candidate;
    }
  }
  throw Error(ErrorParts{.what = "the lens distortion is too strong to be undone",
                         .where = where,
                         .expected = "coefficients of a camera with a little distortion",
                         .remedy = "Check the distortion coefficients and the focal length."});
}

cv::Mat remap_image(const cv::Mat& image, const cv::Mat& map_x, const cv::Mat& map_y) {
  cv::Mat result;
  if (image.channels() != 4) {
    cv::remap(image, result, map_x, map_y, cv::INTER_LINEAR, cv::BORDER_REPLICATE);
    return result;
  }
  // The colour of transparent pixels is meaningless and must not bleed into the object's edge.
  cv::Mat premultiplied;
  image.convertTo(premultiplied, CV_32FC4);
  premultiplied.forEach<cv::Vec4f>([](cv::Vec4f& pixel, const int*) {
    const float alpha = pixel[3] / 255;
    pixel = {pixel[0] * alpha, pixel[1] * alpha, pixel[2] * alpha, pixel[3]};
  });
  cv::remap(premultiplied, result, map_x, map_y, cv::INTER_LINEAR, cv::BORDER_REPLICATE);
  result.forEach<cv::Vec4f>([](cv::Vec4f& pixel, const int*) {
    const float scale = pixel[3] > 0 ? 255 / pixel[3] : 0;
    pixel = {pixel[0] * scale, pixel[1] * scale, pixel[2] * scale, pixel[3]};
  });
  result.convertTo(result, CV_8UC4);
  return result;
}

}  // namespace

UndistortedImage undistort(const cv::Mat& image,
                           const Camera& camera,
                           const std::vector<double>& distortion,
                           const std::string& where) {
  const Camera pinhole = find_pinhole(camera, distortion, where);
  cv::Mat map_x;
  cv::Mat map_y;
  cv::initUndistortRectifyMap(opencv_intrinsics(camera),
                              distortion,
                              cv::noArray(),
                              opencv_intrinsics(pinhole),
                              image.size(),
                              CV_32FC1,
                              map_x,
                              map_y);
  return {remap_image(image, map_x, map_y), pinhole};
}

}  // namespace parallax
