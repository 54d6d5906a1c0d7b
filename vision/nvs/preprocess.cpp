// Cover, crop, and the same affine map on the intrinsics.
#include "vision/nvs/preprocess.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/image.h"

namespace parallax {

CroppedImage resize_and_crop(const CroppedImage& view, int height, int width) {
  if (view.image.empty() || height < 1 || width < 1) {
    throw Error(
        {.what = "cannot crop an image to this size",
         .expected = "pixels, and a positive size",
         .got = c10::str(view.image.rows, " × ", view.image.cols, " to ", height, " × ", width)});
  }
  const double scale = std::max(static_cast<double>(width) / view.image.cols,
                                static_cast<double>(height) / view.image.rows);
  // Python's round() takes halves to even, as nearbyint does.
  const int resized_width = static_cast<int>(std::nearbyint(view.image.cols * scale));
  const int resized_height = static_cast<int>(std::nearbyint(view.image.rows * scale));
  const int left = (resized_width - width) / 2;
  const int top = (resized_height - height) / 2;
  const cv::Mat resized =
      resize_image(view.image, resized_height, resized_width, ResampleFilter::kLanczos);
  return {.image = resized(cv::Rect(left, top, width, height)).clone(),
          .fx = view.fx * scale,
          .fy = view.fy * scale,
          .cx = view.cx * scale - left,
          .cy = view.cy * scale - top};
}

}  // namespace parallax
