// HEIC and AVIF files, which phones write: decoded by libheif where the system has it.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <string_view>

namespace parallax {

// Whether this machine's libheif decodes the format. libheif is loaded at run time: Debian's build
// of it is linked with x265, which is under the GPL, so that packages of Parallax do not carry it.
bool can_decode_heic();
bool can_decode_avif();

// The primary image, RGBA if it has an alpha channel, else RGB; more than 8 bits per channel become
// 8. Rotations and mirrorings of the container are applied, as ISO/IEC 23008-12 demands of readers,
// and an EXIF orientation, which repeats them, is not. Throws Error at `where` when the file is
// damaged or there is no decoder for it.
cv::Mat decode_heif(std::string_view file, const std::string& where);  // [rows, cols, 3 or 4] uint8

}  // namespace parallax
