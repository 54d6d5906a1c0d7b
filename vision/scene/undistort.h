// Turns photographs with lens distortion into those of a pinhole camera.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "vision/scene/camera.h"

namespace parallax {

// An undistorted image and the pinhole camera that it belongs to.
struct UndistortedImage {
  cv::Mat image;  // same size and type as the input
  Camera camera;  // the input camera, its focal lengths magnified
};

// Undistorts an 8-bit image with OpenCV's lens model (k1 k2 p1 p2 [k3 [k4 k5 k6]]). The principal
// point stays; the focal lengths grow by the smallest factor of at least 1 for which every pixel
// falls inside the photograph. Throws Error, beginning with `where`, if that takes more than a
// factor of 4: such a camera is not a pinhole camera with a little distortion.
UndistortedImage undistort(const cv::Mat& image,
                           const Camera& camera,
                           const std::vector<double>& distortion,
                           const std::string& where);

}  // namespace parallax
