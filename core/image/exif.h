// The one EXIF field that changes how an image looks: its orientation.
#pragma once

#include <string_view>

namespace parallax {

// EXIF's orientation, 1 (upright) to 8, of a PNG, JPEG, WebP or TIFF file's bytes; 1 where it is
// absent or damaged, as viewers do.
int exif_orientation(std::string_view file);

}  // namespace parallax
