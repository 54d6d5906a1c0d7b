// GIF files, which OpenCV does not read: decodes the first frame.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <string_view>

namespace parallax {

// The first frame on its canvas, RGBA if any pixel is transparent, else RGB. Throws Error at
// `where` when the file is damaged or truncated.
cv::Mat decode_gif(std::string_view file, const std::string& where);  // [rows, cols, 3 or 4] uint8

}  // namespace parallax
