// Self-contained HTML pages: images as data URIs, plots as inline SVG, no external scripts.
#pragma once

#include <nlohmann/json.hpp>
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

// JSON that is safe inside a <script> element.
std::string script_safe(const nlohmann::json& value);

// [H, W, 3] uint8 RGB as a PNG file, in base64.
std::string png_base64(const cv::Mat& picture);

// The same as an <img>, shown with sharp pixels.
std::string image(const cv::Mat& picture, const std::string& alt, int width_px);

// A <table> whose first row is the header.
std::string table(const std::vector<std::vector<std::string>>& rows);

// One curve of a chart.
struct Series {
  std::string label;
  std::vector<std::pair<double, double>> points;
};

std::string line_chart(const std::string& title,
                       const std::vector<Series>& series,
                       const std::string& x_label,
                       const std::string& y_label);

// A page's frame with every @name@ replaced, once; what is filled in is not looked at again.
std::string fill(std::string_view frame,
                 const std::vector<std::pair<std::string, std::string>>& values);

// A whole page around a body.
std::string page(const std::string& title, const std::string& body);

}  // namespace parallax::html
