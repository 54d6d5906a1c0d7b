// Covers, crops, and applies the same affine map to the intrinsics.
#include "vision/scene/resize_and_crop.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/image/image.h"

namespace parallax {

PreprocessedView resize_and_crop(const cv::Mat& image,
                                 const Camera& camera,
                                 int height,
                                 int width) {
  if (image.empty() || height < 1 || width < 1) {
    throw Error({.what = "cannot crop an image to this size",
                 .expected = "pixels, and a positive size",
                 .got = c10::str(image.rows, " × ", image.cols, " to ", height, " × ", width)});
  }
  const double scale =
      std::max(static_cast<double>(width) / image.cols, static_cast<double>(height) / image.rows);
  // Python's round() rounds halves to even, as nearbyint does.
  const int resized_width = static_cast<int>(std::nearbyint(image.cols * scale));
  const int resized_height = static_cast<int>(std::nearbyint(image.rows * scale));
  const int left = (resized_width - width) / 2;
  const int top = (resized_height - height) / 2;
  const cv::Mat resized =
      resize_image(image, resized_height, resized_width, ResampleFilter::kLanczos);
  PreprocessedView result{.image = resized(cv::Rect(left, top, width, height)).clone(),
                          .camera = camera};
  result.camera.height = height;
  result.camera.width = width;
  result.camera.fx = camera.fx * scale;
  result.camera.fy = camera.fy * scale;
  result.camera.cx = camera.cx * scale - left;
  result.camera.cy = camera.cy * scale - top;
  return result;
}

}  // namespace parallax
