// Compares the differences of neighbours before and after a box filter.
#include "vision/reconstruction/sharpness.h"

#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace parallax {
namespace {

// Blur that is invisible at this size harms no reconstruction.
constexpr double kMeasuredSide = 512;
constexpr int kBlurWidth = 11;

// Differences of neighbours along x, smoothed along y.
cv::Mat change_along_x(const cv::Mat& grey) {
  cv::Mat change;
  cv::Sobel(grey, change, CV_32F, 1, 0);
  return cv::abs(change);
}

double blur_along_x(const cv::Mat& grey) {
  cv::Mat blurred;
  cv::blur(grey, blurred, cv::Size(kBlurWidth, 1));
  const cv::Mat before = change_along_x(grey);
  const cv::Mat after = change_along_x(blurred);
  const double all = cv::sum(before)[0];
  const double lost = cv::sum(cv::max(before - after, 0))[0];
  return all > 0 ? (all - lost) / all : 0;
}

}  // namespace

double blur_effect(const cv::Mat& image) {
  cv::Mat grey;
  if (image.channels() == 1) {
    grey = image;
  } else {
    cv::cvtColor(image, grey, image.channels() == 4 ? cv::COLOR_RGBA2GRAY : cv::COLOR_RGB2GRAY);
  }
  const double scale = std::min(1.0, kMeasuredSide / std::max(grey.rows, grey.cols));
  cv::resize(
      grey,
      grey,
      cv::Size(std::max(1, cvRound(grey.cols * scale)), std::max(1, cvRound(grey.rows * scale))),
      0,
      0,
      cv::INTER_AREA);
  grey.convertTo(grey, CV_32F);
  return std::max(blur_along_x(grey), blur_along_x(grey.t()));
}

}  // namespace parallax
