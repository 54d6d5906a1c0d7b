// Animated WebP files, which OpenCV does not read: decodes the first frame.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <string_view>

namespace parallax {

// Whether a WebP file is an animation.
bool is_animated_webp(std::string_view file);

// The first frame on its canvas, RGBA if the file declares transparency, else RGB, as PIL opens it.
// Throws Error at `where` when the file is damaged.
cv::Mat decode_animated_webp(std::string_view file,
                             const std::string& where);  // [rows, cols, 3 or 4] uint8

}  // namespace parallax
