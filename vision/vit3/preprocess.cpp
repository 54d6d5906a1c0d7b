// torchvision's Resize, CenterCrop, ToTensor and Normalize for 8-bit RGB.
#include "vision/vit3/preprocess.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/error.h"
#include "core/image.h"

namespace parallax {
namespace {

void check_rgb(const cv::Mat& rgb) {
  if (rgb.empty() || rgb.type() != CV_8UC3) {
    throw Error({.what = "the classifier cannot use this image",
                 .expected = "8-bit RGB",
                 .got = rgb.empty() ? "no pixels" : cv::typeToString(rgb.type())});
  }
}

// torchvision's int(round((size − crop) / 2)), halves to even.
int crop_offset(int size, int crop) {
  return static_cast<int>(std::nearbyint((size - crop) / 2.0));
}

}  // namespace

cv::Mat resize_and_centre_crop(const cv::Mat& rgb, int shorter_side, int crop) {
  check_rgb(rgb);
  if (crop < 1 || crop > shorter_side) {
    throw Error({.what = "cannot crop to this size",
                 .expected = c10::str("1 to ", shorter_side, " pixels"),
                 .got = std::to_string(crop)});
  }
  const int shorter = std::min(rgb.rows, rgb.cols);
  const auto scaled = [&](int side) {  // rounded down; exact for the shorter side itself
    return static_cast<int>(std::int64_t{shorter_side} * side / shorter);
  };
  const cv::Mat resized =
      resize_image(rgb, scaled(rgb.rows), scaled(rgb.cols), ResampleFilter::kBicubic);
  const cv::Rect square(
      crop_offset(resized.cols, crop), crop_offset(resized.rows, crop), crop, crop);
  return resized(square).clone();
}

Tensor normalised_image(const cv::Mat& rgb) {
  check_rgb(rgb);
  const cv::Mat dense = rgb.isContinuous() ? rgb : rgb.clone();
  const Tensor bytes = torch::from_blob(dense.data, {rgb.rows, rgb.cols, 3}, torch::kUInt8);
  const Tensor mean = torch::tensor({0.485F, 0.456F, 0.406F}).view({3, 1, 1});
  const Tensor deviation = torch::tensor({0.229F, 0.224F, 0.225F}).view({3, 1, 1});
  const Tensor unit = bytes.permute({2, 0, 1}).to(torch::kFloat32).contiguous().div_(255);
  return unit.sub(mean).div_(deviation);
}

}  // namespace parallax
