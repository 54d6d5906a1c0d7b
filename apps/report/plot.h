// Line charts as pictures.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "apps/report/html.h"

namespace parallax {

// [height, width, 3] uint8 RGB: the series over one pair of axes, with a legend.
cv::Mat line_plot(const std::string& title,
                  const std::vector<html::Series>& series,
                  const std::string& x_label,
                  const std::string& y_label);

}  // namespace parallax
