// Input views as LaCT's data pipeline prepares them: resized to cover the target, cropped in the
// centre, with intrinsics that follow.
#pragma once

#include <opencv2/core/mat.hpp>

#include "vision/scene/camera.h"

namespace parallax {

// A view's image at its new size, with the camera that belongs to it.
struct PreprocessedView {
  cv::Mat image;  // [height, width, C] uint8
  Camera camera;
};

// Where in the resized image of a size the view is cut out, and the camera of that.
struct CropPlan {
  cv::Size resized;
  cv::Rect window;
  Camera camera;
};

// What resize_and_crop() will do with an image of that size, which the camera's intrinsics belong
// to; with its errors.
CropPlan plan_crop(cv::Size image, const Camera& camera, int height, int width);

// Resizes with Lanczos by the one factor that makes the image cover height × width, then cuts out
// the centre; an odd surplus pixel is cut from the right and bottom. The camera's intrinsics belong
// to `image` ([rows, cols, C] uint8), whatever size the camera names. Throws Error for an empty
// image or a size that is not positive.
PreprocessedView resize_and_crop(const cv::Mat& image, const Camera& camera, int height, int width);

}  // namespace parallax
