// Pinhole cameras in the OpenCV convention (x right, y down, z forward) and the arithmetic on their
// poses: mean-pose normalisation, farthest-point selection, turntables.
#pragma once

#include <opencv2/core/matx.hpp>

namespace parallax {

// One pinhole camera. Intrinsics are in pixels of an image of `height` × `width`, with pixel
// centres at +0.5; `c2w` takes camera coordinates to world coordinates.
struct Camera {
  int height = 0;
  int width = 0;
  double fx = 0;
  double fy = 0;
  double cx = 0;
  double cy = 0;
  cv::Matx44d c2w = cv::Matx44d::eye();

  cv::Vec3d position() const { return {c2w(0, 3), c2w(1, 3), c2w(2, 3)}; }
};

}  // namespace parallax
