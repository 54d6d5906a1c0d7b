// Line charts drawn with OpenCV, with the axes of the HTML ones.
#include "apps/report/plot.h"

#include <fmt/format.h>

#include <cmath>
#include <opencv2/imgproc.hpp>

#include "apps/report/axes.h"
#include "apps/report/text.h"

namespace parallax {
namespace {

constexpr int kWidth = 760;
constexpr int kHeight = 300;
constexpr int kLeft = 70;
constexpr int kRight = 570;
constexpr int kTop = 40;
constexpr int kBottom = 250;
constexpr int kTextSize = 12;
const cv::Scalar kText(90, 90, 90);
const cv::Scalar kGrid(232, 232, 232);

cv::Scalar colour_of(size_t i) {
  unsigned value = 0;
  std::sscanf(axes::kColours[i % std::size(axes::kColours)], "#%6x", &value);
  return {static_cast<double>(value >> 16U & 255U),
          static_cast<double>(value >> 8U & 255U),
          static_cast<double>(value & 255U)};
}

void draw_series(cv::Mat& picture,
                 const html::Series& series,
                 const axes::Extent& ex,
                 const axes::Extent& ey,
                 const cv::Scalar& colour) {
  std::vector<cv::Point> line;
  for (const auto& [x, y] : series.points) {
    if (std::isfinite(y)) {
      line.emplace_back(static_cast<int>(std::lround(ex.place(x, kLeft, kRight))),
                        static_cast<int>(std::lround(ey.place(y, kBottom, kTop))));
    }
  }
  if (line.size() == 1) {
    cv::circle(picture, line.front(), 3, colour, cv::FILLED, cv::LINE_AA);
  }
  cv::polylines(picture, line, false, colour, 2, cv::LINE_AA);
}

}  // namespace

cv::Mat line_plot(const std::string& title,
                  const std::vector<html::Series>& series,
                  const std::string& x_label,
                  const std::string& y_label) {
  cv::Mat picture(kHeight, kWidth, CV_8UC3, cv::Scalar::all(255));
  std::vector<double> xs;
  std::vector<double> ys;
  for (const html::Series& one : series) {
    for (const auto& [x, y] : one.points) {
      xs.push_back(x);
      ys.push_back(y);
    }
  }
  const axes::Extent ex = axes::extent_of(xs);
  const axes::Extent ey = axes::extent_of(ys);
  for (const double tick : axes::ticks(ey.low, ey.high)) {
    const int y = static_cast<int>(std::lround(ey.place(tick, kBottom, kTop)));
    cv::line(picture, {kLeft, y}, {kRight, y}, kGrid);
    write_text(picture, fmt::format("{:g}", tick), {8, y + 4}, kTextSize, kText);
  }
  for (const double tick : axes::ticks(ex.low, ex.high)) {
    const int x = static_cast<int>(std::lround(ex.place(tick, kLeft, kRight)));
    write_text(picture, fmt::format("{:g}", tick), {x - 8, kBottom + 18}, kTextSize, kText);
  }
  for (size_t i = 0; i < series.size(); ++i) {
    draw_series(picture, series[i], ex, ey, colour_of(i));
    const cv::Point place(kRight + 12, kTop + 18 * static_cast<int>(i));
    write_text(picture, series[i].label, place, kTextSize, colour_of(i));
  }
  write_text(picture, title, {kLeft, 18}, kTextSize, cv::Scalar::all(30));
  write_text(picture, x_label, {(kLeft + kRight) / 2 - 20, kBottom + 38}, kTextSize, kText);
  write_text(picture, y_label, {8, 32}, kTextSize, kText);
  return picture;
}

}  // namespace parallax
