// Walks a PNG's or JPEG's first segments.
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
  }
  return size && size->width > 0 && size->height > 0 ? *size
                                                     : read_stored_image(path, part).pixels.size();
}

}  // namespace parallax
