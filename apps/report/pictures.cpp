// Image operations on OpenCV matrices in RGB order.
#include "apps/report/pictures.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "apps/report/text.h"

namespace parallax {
namespace {

constexpr int kSheetMargin = 8;
constexpr int kCaption = 20;
constexpr int kTitle = 34;
constexpr int kCaptionText = 13;
constexpr int kTitleText = 17;
const cv::Scalar kTextColour(40, 40, 40);

}  // namespace

cv::Mat to_picture(const Tensor& image) {
  const Tensor bytes = (image.detach().to(torch::kCPU, torch::kFloat32).clamp(0, 1) * 255)
                           .round()
                           .to(torch::kUInt8)
                           .permute({1, 2, 0})
                           .contiguous();
  return cv::Mat(static_cast<int>(bytes.size(0)),
                 static_cast<int>(bytes.size(1)),
                 CV_8UC3,
                 bytes.data_ptr())
      .clone();
}

cv::Mat difference_picture(const Tensor& a, const Tensor& b, double gain) {
  const Tensor magnitude = ((a - b).abs().amax(0) * gain * 255).clamp(0, 255);
  const Tensor bytes = magnitude.to(torch::kCPU, torch::kUInt8).contiguous();
  const cv::Mat grey(
      static_cast<int>(bytes.size(0)), static_cast<int>(bytes.size(1)), CV_8UC1, bytes.data_ptr());
  cv::Mat coloured;
  cv::applyColorMap(grey, coloured, cv::COLORMAP_INFERNO);
  cv::cvtColor(coloured, coloured, cv::COLOR_BGR2RGB);
  return coloured;
}

cv::Mat enlarge(const cv::Mat& picture, int side) {
  const int shorter = std::min(picture.rows, picture.cols);
  const int factor = std::max(1, (side + shorter - 1) / shorter);
  if (factor == 1) {
    return picture;
  }
  cv::Mat larger;
  cv::resize(picture, larger, {}, factor, factor, cv::INTER_NEAREST);
  return larger;
}

cv::Mat make_sheet(const std::string& title,
                   const std::vector<std::vector<SheetCell>>& rows,
                   int cell_side) {
  cv::Size cell(cell_side, cell_side);
  size_t columns = 1;
  bool found = false;
  for (const auto& row : rows) {
    columns = std::max(columns, row.size());
    for (const SheetCell& item : row) {
      if (!found && !item.picture.empty()) {
        cell = enlarge(item.picture, cell_side).size();
        found = true;
      }
    }
  }
  const int step_x = cell.width + kSheetMargin;
  const int step_y = cell.height + kCaption + kSheetMargin;
  const int width = std::max(kSheetMargin + static_cast<int>(columns) * step_x, 640);
  cv::Mat sheet(kTitle + static_cast<int>(rows.size()) * step_y + kSheetMargin,
                width,
                CV_8UC3,
                cv::Scalar::all(255));
  write_text(sheet, title, {kSheetMargin, kTitle - 12}, kTitleText, kTextColour);
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < rows[r].size(); ++c) {
      const SheetCell& item = rows[r][c];
      const cv::Point corner(kSheetMargin + static_cast<int>(c) * step_x,
                             kTitle + static_cast<int>(r) * step_y);
      if (!item.picture.empty()) {
        cv::Mat picture = enlarge(item.picture, cell_side);
        if (picture.size() != cell) {
          cv::resize(picture, picture, cell, 0, 0, cv::INTER_AREA);
        }
        picture.copyTo(sheet(cv::Rect(corner, cell)));
      }
      write_text(
          sheet, item.caption, {corner.x, corner.y + cell.height + 14}, kCaptionText, kTextColour);
    }
  }
  return sheet;
}

}  // namespace parallax
