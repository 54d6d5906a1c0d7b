// Image containers: which format a file has, whether it is complete, and PNG's chunks.
//
// OpenCV silently returns half an image for some truncated files; these checks come first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parallax {

// The image containers that Parallax reads.
enum class ImageFormat { kPng, kJpeg, kWebp, kBmp, kTiff, kPnm, kGif, kHeic, kAvif, kJpeg2000 };

// The format that the file's first bytes announce; nullopt for one that Parallax does not read.
std::optional<ImageFormat> image_format(std::string_view file);

// The byte order of integers in a file.
enum class ByteOrder { kLittle, kBig };

// The unsigned integer of `count` ≤ 4 bytes at `offset`; all of them must be inside `bytes`.
std::uint32_t read_unsigned(std::string_view bytes,
                            std::size_t offset,
                            std::size_t count,
                            ByteOrder order);

// One chunk of a PNG file, as views of the file's bytes.
struct PngChunk {
  std::string_view type;  // four letters
  std::string_view data;
  std::string_view whole;  // with length, type and checksum
  bool intact = false;     // whether the checksum matches
};

// The chunks up to IEND, or up to where the file is truncated.
std::vector<PngChunk> png_chunks(std::string_view file);

// Throws Error at `where` when the file is truncated or damaged, or declares a size that its bytes
// cannot hold.
void check_image_complete(std::string_view file, ImageFormat format, const std::string& where);

// The PNG file without the chunks that do not affect its pixels (colour profiles and the like), for
// which libpng prints warnings to stderr.
std::string essential_png(std::string_view file);

}  // namespace parallax
