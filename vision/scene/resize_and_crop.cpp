// Covers, crops, and applies the same affine map to the intrinsics.
#include "vision/scene/resize_and_crop.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/image/image.h"

namespace parallax {

CropPlan plan_crop(cv::Size image, const Camera& camera, int height, int width) {
  if (image.empty() || height < 1 || width < 1) {
    throw Error({.what = "cannot crop an image to this size",
                 .expected = "pixels, and a positive size",
                 .got = c10::str(image.height, " × ", image.width, " to ", height, " × ", width)});
  }
  const double scale = std::max(static_cast<double>(width) / image.width,
                                static_cast<double>(height) / image.height);
  // Python's round() rounds halves to even, as nearbyint does.
  const cv::Size resized(static_cast<int>(std::nearbyint(image.width * scale)),
                         static_cast<int>(std::nearbyint(image.height * scale)));
  const int left = (resized.width - width) / 2;
  const int top = (resized.height - height) / 2;
  CropPlan plan{resized, cv::Rect(left, top, width, height), camera};
  plan.camera.height = height;
  plan.camera.width = width;
  plan.camera.fx = camera.fx * scale;
  plan.camera.fy = camera.fy * scale;
  plan.camera.cx = camera.cx * scale - left;
  plan.camera.cy = camera.cy * scale - top;
  return plan;
}

PreprocessedView resize_and_crop(const cv::Mat& image,
                                 const Camera& camera,
                                 int height,
                                 int width) {
  const CropPlan plan = plan_crop(image.size(), camera, height, width);
  const cv::Mat resized =
      resize_image(image, plan.resized.height, plan.resized.width, ResampleFilter::kLanczos);
  return {resized(plan.window).clone(), plan.camera};
}

}  // namespace parallax
