// Image containers: which format a file has, whether it is complete, and PNG's chunks.
//
// OpenCV returns half an image, without a word, for some truncated files; these checks come first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parallax {

enum class ImageFormat { kPng, kJpeg, kWebp, kBmp, kTiff, kPnm, kGif };

// By the file's first bytes; nothing for formats that Parallax does not read.
std::optional<ImageFormat> image_format(std::string_view file);

enum class ByteOrder { kLittle, kBig };

// An integer of `count` ≤ 4 bytes; all of them must lie inside.
std::uint32_t read_unsigned(std::string_view bytes,
                            std::size_t offset,
                            std::size_t count,
                            ByteOrder order);

struct PngChunk {
  std::string_view type;  // four letters
  std::string_view data;
  std::string_view whole;  // with length, type and checksum
  bool intact = false;     // whether the checksum is right
};

// The chunks up to IEND, or up to where the file is cut off.
std::vector<PngChunk> png_chunks(std::string_view file);

// Throws Error at `where` when the file is cut off or damaged, or declares a size that its bytes
// cannot hold.
void check_image_complete(std::string_view file, ImageFormat format, const std::string& where);

// The PNG without chunks that do not change its pixels (colour profiles and the like), about which
// libpng writes warnings to stderr.
std::string essential_png(std::string_view file);

}  // namespace parallax
