// Turning photographs with lens distortion into those of a pinhole camera.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>

#include "vision/scene/camera.h"
#include "vision/scene/lens.h"

namespace parallax {

// The widest field of view of a pinhole camera that a wide lens is undistorted to, in degrees
// across the rows or columns: beyond it a plane stretches the image's border too far.
inline constexpr double kWidestPinhole = 100;

// An undistorted image and the pinhole camera that would have taken it.
struct UndistortedImage {
  cv::Mat image;  // same size as the input; with alpha where parts lie outside the photograph
  Camera camera;  // a pinhole camera with the input's principal point
};

// Undistorts an 8-bit image. With a perspective lens the focal lengths grow by the least factor,
// from 1 on, with which every pixel falls inside the photograph; throws Error, beginning with
// `where`, if that takes more than a factor of 4. All other models become a camera with one focal
// length that shows the photograph's rows and columns up to kWidestPinhole degrees; what lies
// outside the photograph becomes transparent. Throws Error for a lens that no ray gets through.
UndistortedImage undistort(const cv::Mat& image,
                           const Camera& camera,
                           const Lens& lens,
                           const std::string& where);

// The pinhole camera of undistort(), with its errors; the camera itself for a pinhole lens.
Camera undistorted_camera(const Camera& camera, const Lens& lens, const std::string& where);

}  // namespace parallax
