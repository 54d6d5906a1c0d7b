// Image sizes as the command line reads and writes them: width first, as most tools have it.
#pragma once

#include <cstdint>
#include <string>

namespace parallax {

// Height and width in pixels.
struct ImageSize {
  int height = 0;
  int width = 0;
};

// "WxH", or one number for a square, with sides from 1 to 16384. Throws UsageError naming `option`.
ImageSize parse_image_size(const std::string& text, const std::string& option);

// "64x48": width by height.
std::string size_text(int64_t width, int64_t height);

}  // namespace parallax
