// Undistortion with OpenCV's remap.
#include "vision/scene/undistort.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <opencv2/calib3d.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>

#include "core/base/error.h"

namespace parallax {
namespace {

// OpenCV counts pixel centres from 0, our cameras from 0.5.
cv::Matx33d opencv_intrinsics(const Camera& camera) {
  return {camera.fx, 0, camera.cx - 0.5, 0, camera.fy, camera.cy - 0.5, 0, 0, 1};
}

// The ray through a place in the image, in pixels from the first pixel's centre, at z = 1.
cv::Point2d direction_of(const Camera& camera, double column, double row) {
  return {(column + 0.5 - camera.cx) / camera.fx, (row + 0.5 - camera.cy) / camera.fy};
}

// Where the ray arrives in the photograph. Beyond the tangent `widest` the lens's polynomial turns
// back: there, directions that the photograph does not show fall inside it.
std::optional<cv::Point2d> pixel_of(const Camera& photograph,
                                    const Lens& lens,
                                    double widest,
                                    const cv::Point2d& direction) {
  const std::optional<cv::Point2d> point =
      cv::norm(direction) <= widest ? distort(lens, direction.x, direction.y) : std::nullopt;
  if (!point) {
    return std::nullopt;
  }
  return cv::Point2d(photograph.fx * point->x + photograph.cx,
                     photograph.fy * point->y + photograph.cy);
}

bool is_inside(const Camera& photograph, const cv::Point2d& pixel) {
  return pixel.x >= 0 && pixel.y >= 0 && pixel.x <= photograph.width &&
         pixel.y <= photograph.height;
}

// Directions through outermost pixel centres of a pinhole camera: the corners and, at equal
// distances, up to 128 along each side, as lenses bend straight lines smoothly.
std::vector<cv::Point2d> border_directions(const Camera& camera) {
  constexpr int kMostSteps = 128;
  std::vector<cv::Point2d> directions;
  const auto add = [&](double u, double v) { directions.push_back(direction_of(camera, u, v)); };
  const double right = camera.width - 1;
  const double bottom = camera.height - 1;
  const int columns = std::min(kMostSteps, std::max(camera.width - 1, 1));
  for (int i = 0; i <= columns; ++i) {
    add(right * i / columns, 0);
    add(right * i / columns, bottom);
  }
  const int rows = std::min(kMostSteps, std::max(camera.height - 1, 1));
  for (int i = 0; i <= rows; ++i) {
    add(0, bottom * i / rows);
    add(right, bottom * i / rows);
  }
  return directions;
}

// True if everything that `pinhole` shows is inside the photograph.
bool shows_only_photograph(const Camera& pinhole,
                           const Camera& photograph,
                           const Lens& lens,
                           double widest) {
  const std::vector<cv::Point2d> directions = border_directions(pinhole);
  return std::all_of(directions.begin(), directions.end(), [&](const cv::Point2d& direction) {
    const std::optional<cv::Point2d> pixel = pixel_of(photograph, lens, widest, direction);
    return pixel && is_inside(photograph, *pixel);
  });
}

Camera magnified(const Camera& camera, double factor) {
  Camera result = camera;
  result.fx *= factor;
  result.fy *= factor;
  return result;
}

Camera find_pinhole(const Camera& camera, const Lens& lens, const std::string& where) {
  constexpr double kStep = 1.01;
  constexpr double kLargest = 4;
  const double widest = std::tan(largest_angle(lens));
  for (double factor = 1; factor <= kLargest; factor *= kStep) {
    const Camera candidate = magnified(camera, factor);
    if (shows_only_photograph(candidate, camera, lens, widest)) {
      return candidate;
    }
  }
  throw Error(ErrorParts{.what = "the lens distortion is too strong to be undone",
                         .where = where,
                         .expected = "coefficients of a camera with a little distortion",
                         .remedy = "Check the distortion coefficients and the focal length."});
}

// Of an image with alpha, colours times alpha, in floating point: the colour of transparent pixels
// is meaningless and must not bleed into the object's edge. Others as they are.
cv::Mat premultiplied(const cv::Mat& image) {
  if (image.channels() != 4) {
    return image;
  }
  cv::Mat result;
  image.convertTo(result, CV_32FC4);
  result.forEach<cv::Vec4f>([](cv::Vec4f& pixel, const int*) {
    const float alpha = pixel[3] / 255;
    pixel = {pixel[0] * alpha, pixel[1] * alpha, pixel[2] * alpha, pixel[3]};
  });
  return result;
}

// Undoes premultiplied().
cv::Mat unmultiplied(cv::Mat image) {
  if (image.channels() == 4) {
    image.forEach<cv::Vec4f>([](cv::Vec4f& pixel, const int*) {
      const float scale = pixel[3] > 0 ? 255 / pixel[3] : 0;
      pixel = {pixel[0] * scale, pixel[1] * scale, pixel[2] * scale, pixel[3]};
    });
    image.convertTo(image, CV_8UC4);
  }
  return image;
}

// The tangent of the angle at which the border `half` pixels from the principal point is reached
// along a direction, or that of the widest angle allowed.
double tangent_at_border(const Lens& lens, double widest, cv::Vec2d direction, double half) {
  double below = 0;
  double above = std::tan(widest);
  const auto reached = [&](double tangent) {
    const std::optional<cv::Point2d> point =
        distort(lens, tangent * direction[0], tangent * direction[1]);
    return !point || point->x * direction[0] + point->y * direction[1] >= half;
  };
  if (!reached(above)) {
    return above;
  }
  for (int i = 0; i < 60; ++i) {
    const double middle = (below + above) / 2;
    (reached(middle) ? above : below) = middle;
  }
  return above;
}

// Where in the photograph each pixel of some rows of the pinhole camera is found, and whether it is
// there.
struct PixelMap {
  cv::Mat x;
  cv::Mat y;
  cv::Mat inside;  // uint8: 255 or 0; empty: all are there
};

PixelMap map_rows(const Camera& pinhole,
                  const cv::Range& rows,
                  const Camera& photograph,
                  const Lens& lens,
                  double widest) {
  PixelMap map{.x = cv::Mat(rows.size(), pinhole.width, CV_32FC1, cv::Scalar(-1)),
               .y = cv::Mat(rows.size(), pinhole.width, CV_32FC1, cv::Scalar(-1)),
               .inside = cv::Mat(rows.size(), pinhole.width, CV_8UC1, cv::Scalar(0))};
  for (int row = 0; row < rows.size(); ++row) {
    for (int col = 0; col < pinhole.width; ++col) {
      const cv::Point2d direction = direction_of(pinhole, col, rows.start + row);
      const std::optional<cv::Point2d> pixel = pixel_of(photograph, lens, widest, direction);
      if (!pixel || !is_inside(photograph, *pixel)) {
        continue;
      }
      map.x.at<float>(row, col) = static_cast<float>(pixel->x - 0.5);
      map.y.at<float>(row, col) = static_cast<float>(pixel->y - 0.5);
      map.inside.at<std::uint8_t>(row, col) = 255;
    }
  }
  return map;
}

// The same for OpenCV's own model, whose pinhole camera shows only what the photograph does.
PixelMap map_rows_with_opencv(const Camera& pinhole,
                              const cv::Range& rows,
                              const Camera& photograph,
                              const Lens& lens) {
  PixelMap map;
  Camera strip = pinhole;
  strip.cy -= rows.start;
  cv::initUndistortRectifyMap(opencv_intrinsics(photograph),
                              lens.parameters,
                              cv::noArray(),
                              opencv_intrinsics(strip),
                              {pinhole.width, rows.size()},
                              CV_32FC1,
                              map.x,
                              map.y);
  return map;
}

// The image with alpha at most that of `inside`.
cv::Mat with_alpha(cv::Mat image, const cv::Mat& inside) {
  cv::Mat alpha = inside;
  if (image.channels() == 4) {
    cv::Mat own;
    cv::extractChannel(image, own, 3);
    alpha = cv::min(own, inside);
  } else {
    cv::cvtColor(image, image, cv::COLOR_RGB2RGBA);
  }
  cv::insertChannel(alpha, image, 3);
  return image;
}

// The pinhole camera of any lens that is not perspective.
Camera pinhole_of_wide_lens(const Camera& camera, const Lens& lens, const std::string& where) {
  const double widest = std::min(kWidestPinhole / 2 * CV_PI / 180, largest_angle(lens));
  if (widest < 0.01) {
    throw Error(ErrorParts{.what = "the lens distortion cannot be undone",
                           .where = where,
                           .expected = "parameters with which rays near the axis are told apart",
                           .remedy = "Check the lens parameters."});
  }
  const double half_width = camera.width / 2.0;
  const double half_height = camera.height / 2.0;
  const double across = std::max(tangent_at_border(lens, widest, {1, 0}, half_width / camera.fx),
                                 tangent_at_border(lens, widest, {-1, 0}, half_width / camera.fx));
  const double down = std::max(tangent_at_border(lens, widest, {0, 1}, half_height / camera.fy),
                               tangent_at_border(lens, widest, {0, -1}, half_height / camera.fy));
  Camera pinhole = camera;
  pinhole.fx = std::max(half_width / across, half_height / down);
  pinhole.fy = pinhole.fx;
  return pinhole;
}

}  // namespace

Camera undistorted_camera(const Camera& camera, const Lens& lens, const std::string& where) {
  if (lens.is_pinhole()) {
    return camera;
  }
  return lens.is_perspective() ? find_pinhole(camera, lens, where)
                               : pinhole_of_wide_lens(camera, lens, where);
}

UndistortedImage undistort(const cv::Mat& image,
                           const Camera& camera,
                           const Lens& lens,
                           const std::string& where) {
  // Large photographs are those of large scenes, too: a map of all pixels would take twice the
  // photograph's memory.
  constexpr int kStripRows = 128;
  const Camera pinhole = undistorted_camera(camera, lens, where);
  const bool is_opencvs = lens.model == LensModel::kOpenCv && lens.skew == 0;
  const double widest = is_opencvs ? 0 : std::tan(largest_angle(lens));
  const cv::Mat source = premultiplied(image);
  cv::Mat straight(image.size(), image.type());
  cv::Mat inside;  // as PixelMap's
  for (int first = 0; first < image.rows; first += kStripRows) {
    const cv::Range rows(first, std::min(first + kStripRows, image.rows));
    const PixelMap map = is_opencvs ? map_rows_with_opencv(pinhole, rows, camera, lens)
                                    : map_rows(pinhole, rows, camera, lens, widest);
    cv::Mat strip;
    cv::remap(source, strip, map.x, map.y, cv::INTER_LINEAR, cv::BORDER_REPLICATE);
    unmultiplied(strip).copyTo(straight.rowRange(rows));
    if (!map.inside.empty()) {
      inside.push_back(map.inside);
    }
  }
  const bool is_complete = inside.empty() || cv::countNonZero(inside) == image.rows * image.cols;
  return {is_complete ? straight : with_alpha(straight, inside), pinhole};
}

}  // namespace parallax
