// What of a photograph's EXIF matters: its orientation, and how long the focal length is in pixels.
#pragma once

#include <opencv2/core/types.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace parallax {

// The EXIF orientation, 1 (upright) to 8, in the bytes of a PNG, JPEG, WebP or TIFF file; 1 if it
// is absent or damaged, as image viewers assume.
int exif_orientation(std::string_view file);

// A JPEG file whose EXIF describes its focal plane (pixels per inch, as Canon writes it, without
// the focal length for 35 mm film) for another size of the photograph than `actual`, as after
// shrinking: the file with the description for its own size. COLMAP 4.2 would take the original's
// focal length in pixels for known. nullopt for all other files, and for those that were cropped.
std::optional<std::string> with_focal_plane_of(std::string_view file, cv::Size actual);

}  // namespace parallax
