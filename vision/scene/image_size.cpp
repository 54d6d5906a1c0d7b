// Parses and writes image sizes.
#include "vision/scene/image_size.h"

#include <fmt/format.h>

#include <cstdio>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr int kMaxSide = 16384;

}  // namespace

ImageSize parse_image_size(const std::string& text, const std::string& option) {
  ImageSize size;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%6d%c", &size.width, &rest) == 1) {
    size.height = size.width;
  } else if (std::sscanf(text.c_str(), "%6dx%6d%c", &size.width, &size.height, &rest) != 2) {
    size = {};
  }
  if (size.height < 1 || size.width < 1 || size.height > kMaxSide || size.width > kMaxSide) {
    throw UsageError(ErrorParts{.what = "the image size cannot be read",
                                .where = option,
                                .expected = "WxH, such as 64x48, or one number; sides up to 16384",
                                .got = "'" + text + "'"});
  }
  return size;
}

std::string size_text(int64_t width, int64_t height) { return fmt::format("{}x{}", width, height); }

}  // namespace parallax
