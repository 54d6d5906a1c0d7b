// Self-contained HTML pages: images as data URIs, plots as inline SVG, no external scripts.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parallax::html {

// Text with &, <, > and quotes escaped.
std::string escape(const std::string& text);

// Base64-encodes any bytes, for data URIs.
std::string base64(std::string_view bytes);

// An <img> of [H, W, 3] uint8 RGB as an embedded PNG, shown with sharp pixels.
std::string image(const cv::Mat& picture, const std::string& alt, int width_px);

// A <table> whose first row is the header.
std::string table(const std::vector<std::vector<std::string>>& rows);

// One bar of a chart.
struct Bar {
  std::string label;
  double value = 0;
  std::string text;  // written next to it
};

// Horizontal bars that start at `base` (not at 0, so that small differences show; the axis says
// so).
std::string bar_chart(const std::string& title,
                      const std::vector<Bar>& bars,
                      double base,
                      const std::string& unit);

// One curve of a chart.
struct Series {
  std::string label;
  std::vector<std::pair<double, double>> points;
};

std::string line_chart(const std::string& title,
                       const std::vector<Series>& series,
                       const std::string& x_label,
                       const std::string& y_label);

// A whole page around a body.
std::string page(const std::string& title, const std::string& body);

}  // namespace parallax::html
