// Finds the EXIF block in each container and reads tag 274 of its first directory.
#include "core/image/exif.h"

#include <cstdint>

#include "core/image/image_format.h"
#include "core/image/tiff_directory.h"

namespace parallax {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kExifPrefix = "Exif\0\0"sv;

// The EXIF segment precedes the first scan.
std::string_view find_in_jpeg(std::string_view file) {
  std::size_t position = 2;
  while (position + 4 <= file.size() && file[position] == '\xff') {
    const std::size_t length = read_unsigned(file, position + 2, 2, ByteOrder::kBig);
    const char marker = file[position + 1];
    if (marker == '\xda' || length < 2 || length > file.size() - position - 2) {
      break;
    }
    const std::string_view segment = file.substr(position + 4, length - 2);
    if (marker == '\xe1' && segment.starts_with(kExifPrefix)) {
      return segment.substr(kExifPrefix.size());
    }
    position += 2 + length;
  }
  return {};
}

std::string_view find_in_png(std::string_view file) {
  for (const PngChunk& chunk : png_chunks(file)) {
    if (chunk.type == "eXIf") {
      return chunk.data;
    }
  }
  return {};
}

// RIFF chunks: a four-letter name, a little-endian length, data padded to even length.
std::string_view find_in_webp(std::string_view file) {
  std::size_t position = 12;
  while (position + 8 <= file.size()) {
    const std::size_t length = read_unsigned(file, position + 4, 4, ByteOrder::kLittle);
    if (length > file.size() - position - 8) {
      break;
    }
    if (file.substr(position, 4) == "EXIF") {
      const std::string_view data = file.substr(position + 8, length);
      return data.starts_with(kExifPrefix) ? data.substr(kExifPrefix.size()) : data;
    }
    position += 8 + length + length % 2;
  }
  return {};
}

std::string_view find_tiff_block(std::string_view file) {
  switch (image_format(file).value_or(ImageFormat::kBmp)) {
    case ImageFormat::kJpeg:
      return find_in_jpeg(file);
    case ImageFormat::kPng:
      return find_in_png(file);
    case ImageFormat::kWebp:
      return find_in_webp(file);
    case ImageFormat::kTiff:
      return file;
    case ImageFormat::kBmp:
    case ImageFormat::kPnm:
    case ImageFormat::kGif:
    case ImageFormat::kHeic:  // what their containers declare is applied in decoding
    case ImageFormat::kAvif:
    case ImageFormat::kJpeg2000:
      return {};
  }
  return {};
}

}  // namespace

int exif_orientation(std::string_view file) {
  const auto orientation = tiff_short(find_tiff_block(file), kOrientationTag);
  return orientation && orientation->value >= 1 && orientation->value <= 8
             ? static_cast<int>(orientation->value)
             : 1;
}

}  // namespace parallax
