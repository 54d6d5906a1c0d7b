// Image sizes as the command line writes them.
#pragma once

#include <string>

namespace parallax {

// Height and width in pixels.
struct ImageSize {
  int height = 0;
  int width = 0;
};

// "HxW" with sides from 1 to 16384. Throws UsageError naming `option`.
ImageSize parse_image_size(const std::string& text, const std::string& option);

}  // namespace parallax
