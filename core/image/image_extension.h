// What a file's name says about it: a picture that can be read, or of which other kind.
#pragma once

#include <filesystem>
#include <string>

namespace parallax {

// Whether the path has the extension of an image format that this machine reads, in upper or lower
// case. HEIC, AVIF and JPEG 2000 depend on its libraries.
bool has_image_extension(const std::filesystem::path& path);

// The kind of a picture that is not read: "HEIC", "camera raw", "SVG"; empty for other files.
std::string unread_picture_kind(const std::filesystem::path& path);

}  // namespace parallax
