// Images that declare more pixels than their bytes can hold: decoders take the memory first.
#pragma once

#include <string>
#include <string_view>

#include "core/image/image_format.h"

namespace parallax {

// Throws Error at `where` when a JPEG, TIFF, PNM, GIF or lossy WebP file declares more than 16
// million pixels and more than its compression can pack into its bytes. PNG and BMP are held to
// their bytes by check_image_complete(); lossless WebP, HEIC, AVIF and JPEG 2000 may code any
// number of equal pixels in nothing, and have limits of their own.
void check_claimed_pixels(std::string_view file, ImageFormat format, const std::string& where);

}  // namespace parallax
