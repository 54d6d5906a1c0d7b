// Finds the EXIF block in each container and reads tag 274 of its first directory.
#include "core/image/exif.h"

#include <array>
#include <cstdint>
#include <optional>

#include "core/image/image_format.h"

namespace parallax {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kExifPrefix = "Exif\0\0"sv;
constexpr std::uint32_t kOrientationTag = 274;
constexpr std::uint32_t kShortType = 3;
constexpr std::size_t kDirectoryEntryBytes = 12;

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
      return {};
  }
  return {};
}

// Where a TIFF block's first directory has the orientation, and how its integers are stored.
struct OrientationField {
  std::size_t offset = 0;
  ByteOrder order = ByteOrder::kLittle;
};

std::optional<OrientationField> find_orientation(std::string_view block) {
  if (block.size() < 8 || (!block.starts_with("II*\0"sv) && !block.starts_with("MM\0*"sv))) {
    return std::nullopt;
  }
  const ByteOrder order = block[0] == 'I' ? ByteOrder::kLittle : ByteOrder::kBig;
  const std::size_t directory = read_unsigned(block, 4, 4, order);
  if (directory > block.size() - 2) {
    return std::nullopt;
  }
  const std::size_t count = read_unsigned(block, directory, 2, order);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t entry = directory + 2 + i * kDirectoryEntryBytes;
    if (entry + kDirectoryEntryBytes > block.size()) {
      break;
    }
    if (read_unsigned(block, entry, 2, order) == kOrientationTag &&
        read_unsigned(block, entry + 2, 2, order) == kShortType) {
      return OrientationField{entry + 8, order};
    }
  }
  return std::nullopt;
}

}  // namespace

std::string upright_tiff(std::string file) {
  if (const auto field = find_orientation(file)) {
    const bool little = field->order == ByteOrder::kLittle;
    file[field->offset] = little ? '\1' : '\0';
    file[field->offset + 1] = little ? '\0' : '\1';
  }
  return file;
}

int exif_orientation(std::string_view file) {
  const std::string_view block = find_tiff_block(file);
  const auto field = find_orientation(block);
  if (!field) {
    return 1;
  }
  const std::uint32_t value = read_unsigned(block, field->offset, 2, field->order);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

}  // namespace parallax
