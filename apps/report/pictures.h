// Images made from rendered tensors: 8-bit images, amplified differences, labelled sheets.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "core/base/torch.h"

namespace parallax {

// [3, H, W] in [0, 1] → [H, W, 3] uint8 RGB, rounded to nearest.
cv::Mat to_picture(const Tensor& image);

// |a − b| · gain as a false-colour image (black: equal).
cv::Mat difference_picture(const Tensor& a, const Tensor& b, double gain);  // [3, H, W] each

// Repeats pixels so that the shorter side is at least `side`; never shrinks.
cv::Mat enlarge(const cv::Mat& picture, int side);

// An image of a sheet with its caption.
struct SheetCell {
  cv::Mat picture;      // may be empty
  std::string caption;  // under the image
};

// A grid of captioned images on white, with a title; all cells take the first image's size.
cv::Mat make_sheet(const std::string& title,
                   const std::vector<std::vector<SheetCell>>& rows,
                   int cell_side);

}  // namespace parallax
