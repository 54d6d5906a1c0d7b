// The colour space that a JPEG 2000 file declares, where OpenCV 4.6 takes it for another.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace parallax {

// Where a JP2 file says that its components are sYCC (luma and two differences): the offset of the
// declaration's last byte. nullopt for all other files.
std::optional<std::size_t> sycc_declaration(std::string_view file);

// The value of that byte which declares sRGB in its place.
inline constexpr char kDeclaresSrgb = 16;

}  // namespace parallax
