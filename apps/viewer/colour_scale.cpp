// Made once.
#include "apps/viewer/colour_scale.h"

#include <opencv2/imgproc.hpp>

namespace parallax {

const ColourMap& false_colours() {
  static const ColourMap colours = [] {
    cv::Mat grey(1, 256, CV_8UC1);
    for (int i = 0; i < 256; ++i) {
      grey.at<uchar>(0, i) = static_cast<uchar>(i);
    }
    cv::Mat coloured;
    cv::applyColorMap(grey, coloured, cv::COLORMAP_INFERNO);
    ColourMap map;
    for (int i = 0; i < 256; ++i) {
      const auto& bgr = coloured.at<cv::Vec3b>(0, i);
      map[static_cast<size_t>(i)] = {bgr[2], bgr[1], bgr[0]};
    }
    return map;
  }();
  return colours;
}

}  // namespace parallax
