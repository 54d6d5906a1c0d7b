// Says in an MP4 file how its colours are coded.
#pragma once

#include <string>

namespace parallax {

// Adds a `colr` box (ISO/IEC 14496-12, 12.1.5) to the first track's sample description: BT.709's
// primaries, sRGB's transfer, BT.601's matrix, limited range. OpenCV's writer codes RGB by BT.601's
// matrix and does not say so, and players take BT.709's for what is as tall as HD, up to 40 of 255
// levels off. Returns the file as it is where its structure is another one than that writer's,
// whose index follows the pictures.
std::string with_colours_told(std::string mp4);

}  // namespace parallax
