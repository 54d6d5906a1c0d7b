// The size that an image file's header declares, without decoding the image.
#pragma once

#include <filesystem>
#include <opencv2/core/types.hpp>
#include <optional>

#include "core/io/input_file.h"

namespace parallax {

// Of the pixels as stored, EXIF orientation not applied. Reads a few bytes of a PNG, JPEG, WebP
// or TIFF file, all of another. Throws Error naming the file if it is no image. With `part`, the
// image is that part of the file.
cv::Size image_file_size(const std::filesystem::path& path,
                         const std::optional<ByteRange>& part = std::nullopt);

}  // namespace parallax
