// Text on pictures: on contact sheets, plots and matrices.
#pragma once

#include <opencv2/core.hpp>
#include <string>

namespace parallax {

// The typeface of pictures and of the window. Debian's package fonts-dejavu-core has it.
inline constexpr const char* kFontFile = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";

// Writes UTF-8 `text` on an RGB picture, its baseline beginning at `start`, letters `pixels` high
// from one line to the next. Without the font, in OpenCV's strokes, which have ASCII alone: other
// letters become '?'.
void write_text(cv::Mat& picture,
                const std::string& text,
                cv::Point start,
                int pixels,
                const cv::Scalar& colour);

// How wide write_text makes it, in pixels.
int text_width(const std::string& text, int pixels);

}  // namespace parallax
