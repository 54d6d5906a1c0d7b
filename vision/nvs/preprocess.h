// Input views as LaCT's data pipeline prepares them: resized to cover the target, cropped in the
// centre, with intrinsics that follow.
#pragma once

#include <opencv2/core/mat.hpp>

namespace parallax {

// Pixels and the intrinsics, in pixels, that belong to them.
struct CroppedImage {
  cv::Mat image;  // [rows, cols, C] uint8
  double fx = 0;
  double fy = 0;
  double cx = 0;
  double cy = 0;
};

// Resizes with Lanczos by the one factor that makes the image cover height × width, then cuts out
// the centre; a half pixel of surplus goes to the right and bottom. Throws Error for an empty image
// or a size that is not positive.
CroppedImage resize_and_crop(const CroppedImage& view, int height, int width);

}  // namespace parallax
