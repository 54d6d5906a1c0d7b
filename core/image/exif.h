// The one EXIF field that changes how an image looks: its orientation.
#pragma once

#include <string>
#include <string_view>

namespace parallax {

// The TIFF file with orientation 1 in place of its own, for decoders that apply it unasked.
std::string upright_tiff(std::string file);

// The EXIF orientation, 1 (upright) to 8, in the bytes of a PNG, JPEG, WebP or TIFF file; 1 if it
// is absent or damaged, as image viewers assume.
int exif_orientation(std::string_view file);

}  // namespace parallax
