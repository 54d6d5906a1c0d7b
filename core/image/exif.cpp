// Finds the EXIF block in each container; reads and changes entries of its directories.
#include "core/image/exif.h"

#include <algorithm>
#include <cmath>
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

// Directory and fields that describe the focal plane (Exif 2.32, section 4.6.5).
constexpr std::uint32_t kExifPointer = 0x8769;
constexpr std::uint32_t kPixelXDimension = 0xA002;
constexpr std::uint32_t kPixelYDimension = 0xA003;
constexpr std::uint32_t kFocalPlaneXResolution = 0xA20E;
constexpr std::uint32_t kFocalPlaneYResolution = 0xA20F;
constexpr std::uint32_t kFocalLengthIn35mmFilm = 0xA405;

constexpr std::uint32_t kExifShort = 3;
constexpr std::uint32_t kExifLong = 4;
constexpr std::uint32_t kExifRational = 5;

// An EXIF block inside a file that is changed.
class ExifBlock {
 public:
  ExifBlock(std::string& file, std::size_t offset, std::size_t size)
      : file_(&file), offset_(offset), size_(size) {}

  // The entry's value, of a rational its numerator; 0 if there is none.
  std::uint32_t value(std::uint32_t tag) const {
    const auto field = tiff_field(block(), tag, kExifPointer);
    return field && is_number(*field)
               ? read_unsigned(block(), field->offset, bytes_of(*field), order())
               : 0;
  }

  // Where the entry is.
  void set_value(std::uint32_t tag, std::uint32_t value) {
    const auto field = tiff_field(block(), tag, kExifPointer);
    if (!field || !is_number(*field)) {
      return;
    }
    const std::size_t count = bytes_of(*field);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t shift = 8 * (order() == ByteOrder::kBig ? count - 1 - i : i);
      (*file_)[offset_ + field->offset + i] = static_cast<char>(value >> shift & 0xff);
    }
  }

 private:
  std::string_view block() const { return std::string_view(*file_).substr(offset_, size_); }
  ByteOrder order() const {
    return block().starts_with('I') ? ByteOrder::kLittle : ByteOrder::kBig;
  }
  static bool is_number(const TiffField& field) {
    return field.type == kExifShort || field.type == kExifLong || field.type == kExifRational;
  }
  static std::size_t bytes_of(const TiffField& field) { return field.type == kExifShort ? 2 : 4; }

  std::string* file_;
  std::size_t offset_;
  std::size_t size_;
};

}  // namespace

int exif_orientation(std::string_view file) {
  const auto orientation = tiff_short(find_tiff_block(file), kOrientationTag);
  return orientation && orientation->value >= 1 && orientation->value <= 8
             ? static_cast<int>(orientation->value)
             : 1;
}

std::optional<std::string> with_focal_plane_of(std::string_view file, cv::Size actual) {
  const std::string_view found =
      image_format(file) == ImageFormat::kJpeg ? find_in_jpeg(file) : std::string_view();
  if (found.empty()) {
    return std::nullopt;
  }
  std::string result(file);
  ExifBlock exif(result, static_cast<std::size_t>(found.data() - file.data()), found.size());
  const std::uint32_t width = exif.value(kPixelXDimension);
  const std::uint32_t height = exif.value(kPixelYDimension);
  const bool is_described =
      exif.value(kFocalPlaneXResolution) > 0 && exif.value(kFocalLengthIn35mmFilm) == 0;
  if (!is_described || width == 0 || height == 0) {
    return std::nullopt;
  }
  // Longer and shorter side, as photographs are turned upright, too.
  const double longer = static_cast<double>(std::max(actual.width, actual.height)) /
                        static_cast<double>(std::max(width, height));
  const double shorter = static_cast<double>(std::min(actual.width, actual.height)) /
                         static_cast<double>(std::min(width, height));
  constexpr double kSame = 0.01;
  if (std::abs(longer - 1) < kSame || std::abs(shorter / longer - 1) > kSame) {
    return std::nullopt;
  }
  const auto scaled = [&](std::uint32_t tag) { return std::round(exif.value(tag) * longer); };
  constexpr double kMost = 0xffffffffU;
  if (scaled(kFocalPlaneXResolution) > kMost || scaled(kFocalPlaneYResolution) > kMost) {
    return std::nullopt;
  }
  exif.set_value(kPixelXDimension, static_cast<std::uint32_t>(actual.width));
  exif.set_value(kPixelYDimension, static_cast<std::uint32_t>(actual.height));
  for (const std::uint32_t tag : {kFocalPlaneXResolution, kFocalPlaneYResolution}) {
    exif.set_value(tag, static_cast<std::uint32_t>(scaled(tag)));
  }
  return result;
}

}  // namespace parallax
