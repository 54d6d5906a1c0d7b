// torchvision's Resize, CenterCrop, ToTensor and Normalize for 8-bit RGB.
#include "vision/images/classifier_preprocess.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <opencv2/imgproc.hpp>

#include "core/base/error.h"
#include "core/image/image.h"

namespace parallax {
namespace {

constexpr double kPublishedMargin = 256.0 / 224.0;
constexpr int kLargestUncropped = 32;

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

// The centre of the image resized to height × width. The rest is never computed, so that enlarging
// a thin image needs hardly any memory.
cv::Mat cropped(const cv::Mat& rgb, int height, int width, int crop_height, int crop_width) {
  const cv::Rect window(
      crop_offset(width, crop_width), crop_offset(height, crop_height), crop_width, crop_height);
  return resize_image_window(rgb, height, width, ResampleFilter::kBicubic, window);
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
  return cropped(rgb, scaled(rgb.rows), scaled(rgb.cols), crop, crop);
}

cv::Mat crop_for_classifier(const cv::Mat& image, const ClassifierView& view) {
  cv::Mat rgb = image;
  if (image.channels() == 4) {
    cv::cvtColor(image, rgb, cv::COLOR_RGBA2RGB);
  }
  check_rgb(rgb);
  const int crop = std::min(view.height, view.width);
  int shorter_side = view.resize_side;
  if (shorter_side == 0) {
    shorter_side = crop > kLargestUncropped ? static_cast<int>(kPublishedMargin * crop) : crop;
  }
  if (view.height == view.width) {
    return resize_and_centre_crop(rgb, std::max(shorter_side, crop), crop);
  }
  const double margin = std::max(1.0, static_cast<double>(shorter_side) / crop);
  const double scale = margin * std::max(static_cast<double>(view.height) / rgb.rows,
                                         static_cast<double>(view.width) / rgb.cols);
  const auto scaled = [&](int side, int least) {
    return std::max(least, static_cast<int>(std::nearbyint(side * scale)));
  };
  return cropped(
      rgb, scaled(rgb.rows, view.height), scaled(rgb.cols, view.width), view.height, view.width);
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
