// Line charts as images.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "apps/report/html.h"

namespace parallax {

// Draws the series over one pair of axes, with a legend: [height, width, 3] uint8 RGB.
cv::Mat line_plot(const std::string& title,
                  const std::vector<html::Series>& series,
                  const std::string& x_label,
                  const std::string& y_label);

}  // namespace parallax
