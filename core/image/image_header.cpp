// Reads PNG's, JPEG's, WebP's and TIFF's first segments.
#include "core/image/image_header.h"

#include <algorithm>
#include <optional>
#include <string>

#include "core/image/image.h"
#include "core/image/image_format.h"
#include "core/io/input_file.h"

namespace parallax {
namespace {

constexpr std::uint64_t kFirstBytes = 64;

std::optional<cv::Size> png_size(const std::string& bytes) {
  constexpr size_t kWidthOffset = 16;  // signature, length and type of IHDR
  if (bytes.size() < kWidthOffset + 8) {
    return std::nullopt;
  }
  return cv::Size(static_cast<int>(read_unsigned(bytes, kWidthOffset, 4, ByteOrder::kBig)),
                  static_cast<int>(read_unsigned(bytes, kWidthOffset + 4, 4, ByteOrder::kBig)));
}

bool is_start_of_frame(unsigned char marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

std::optional<cv::Size> jpeg_size(const InputFile& file, const ByteRange& range) {
  constexpr std::uint64_t kSegmentHead = 9;  // marker, length, precision, height, width
  for (std::uint64_t position = 2; position + kSegmentHead <= range.size;) {
    const std::string head = file.read(range.offset + position, kSegmentHead);
    if (head[0] != '\xff') {
      return std::nullopt;
    }
    const auto marker = static_cast<unsigned char>(head[1]);
    if (marker == 0xff) {  // a fill byte
      ++position;
      continue;
    }
    if (is_start_of_frame(marker)) {
      return cv::Size(static_cast<int>(read_unsigned(head, 7, 2, ByteOrder::kBig)),
                      static_cast<int>(read_unsigned(head, 5, 2, ByteOrder::kBig)));
    }
    position += 2 + read_unsigned(head, 2, 2, ByteOrder::kBig);
  }
  return std::nullopt;
}

// Of the three kinds of first chunks: lossy, lossless and extended.
std::optional<cv::Size> webp_size(const std::string& bytes) {
  if (bytes.size() < 30) {
    return std::nullopt;
  }
  const auto number = [&](size_t offset, size_t count) {
    return static_cast<int>(read_unsigned(bytes, offset, count, ByteOrder::kLittle));
  };
  const std::string kind = bytes.substr(12, 4);
  constexpr int kSide = 0x3fff;  // 14 bits
  if (kind == "VP8 ") {
    return cv::Size(number(26, 2) & kSide, number(28, 2) & kSide);
  }
  if (kind == "VP8L") {
    return cv::Size((number(21, 2) & kSide) + 1, (number(22, 3) >> 6 & kSide) + 1);
  }
  if (kind == "VP8X") {
    return cv::Size(number(24, 3) + 1, number(27, 3) + 1);
  }
  return std::nullopt;
}

std::optional<cv::Size> tiff_size(const InputFile& file, const ByteRange& range) {
  constexpr std::uint64_t kEntryBytes = 12;
  constexpr std::uint32_t kWidthTag = 256;
  constexpr std::uint32_t kHeightTag = 257;
  constexpr std::uint32_t kShort = 3;
  if (range.size < 8) {
    return std::nullopt;
  }
  const std::string head = file.read(range.offset, 8);
  const ByteOrder order = head[0] == 'I' ? ByteOrder::kLittle : ByteOrder::kBig;
  const std::uint64_t directory = read_unsigned(head, 4, 4, order);
  if (read_unsigned(head, 2, 2, order) != 42 || directory + 2 > range.size) {
    return std::nullopt;  // BigTIFF has another number
  }
  const std::uint64_t entries = read_unsigned(file.read(range.offset + directory, 2), 0, 2, order);
  if (entries * kEntryBytes > range.size - directory - 2) {
    return std::nullopt;
  }
  const std::string fields = file.read(range.offset + directory + 2, entries * kEntryBytes);
  cv::Size size;
  for (std::uint64_t entry = 0; entry < fields.size(); entry += kEntryBytes) {
    const std::uint32_t tag = read_unsigned(fields, entry, 2, order);
    const size_t count = read_unsigned(fields, entry + 2, 2, order) == kShort ? 2 : 4;
    const int value = static_cast<int>(read_unsigned(fields, entry + 8, count, order));
    size.width = tag == kWidthTag ? value : size.width;
    size.height = tag == kHeightTag ? value : size.height;
  }
  return size;
}

}  // namespace

cv::Size image_file_size(const std::filesystem::path& path, const std::optional<ByteRange>& part) {
  const InputFile file(path);
  const ByteRange range = part.value_or(ByteRange{.size = file.size()});
  const std::string bytes = file.read(range.offset, std::min(kFirstBytes, range.size));
  const std::optional<ImageFormat> format = image_format(bytes);
  std::optional<cv::Size> size;
  if (format == ImageFormat::kPng) {
    size = png_size(bytes);
  } else if (format == ImageFormat::kJpeg) {
    size = jpeg_size(file, range);
  } else if (format == ImageFormat::kWebp) {
    size = webp_size(bytes);
  } else if (format == ImageFormat::kTiff) {
    size = tiff_size(file, range);
  }
  return size && size->width > 0 && size->height > 0 ? *size
                                                     : read_stored_image(path, part).pixels.size();
}

}  // namespace parallax
