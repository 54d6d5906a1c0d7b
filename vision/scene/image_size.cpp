// Parses image sizes.
#include "vision/scene/image_size.h"

#include <cstdio>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr int kMaxSide = 16384;

}  // namespace

ImageSize parse_image_size(const std::string& text, const std::string& option) {
  ImageSize size;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%6dx%6d%c", &size.height, &size.width, &rest) != 2 ||
      size.height < 1 || size.width < 1 || size.height > kMaxSide || size.width > kMaxSide) {
    throw UsageError(ErrorParts{.what = "the image size cannot be read",
                                .where = option,
                                .expected = "HxW, such as 64x64, sides up to 16384",
                                .got = "'" + text + "'"});
  }
  return size;
}

}  // namespace parallax
