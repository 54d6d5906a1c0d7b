// Sizes out of headers, against the least bits per pixel of each format.
#include "core/image/image_claims.h"

#include <algorithm>
#include <cstdint>

#include "core/base/error.h"
#include "core/image/pnm_header.h"
#include "core/image/tiff_directory.h"

namespace parallax {
namespace {

constexpr std::uint64_t kAlwaysAllowed = std::uint64_t{1} << 24;

// At least one bit for the constant term of each block of 8 × 8 pixels.
constexpr std::uint64_t kJpegPixelsPerByte = 8 * 64;
// Codes of at most 12 bits stand for at most 4096 pixels each.
constexpr std::uint64_t kGifPixelsPerByte = 4096;
// Deflate's 1032 bytes of eight pixels each; LZW and fax codes stay below.
constexpr std::uint64_t kTiffPixelsPerByte = 1032 * 8;
constexpr std::uint64_t kPnmPixelsPerByte = 8;
// VP8 codes modes of each block of 16 × 16 pixels of a key frame with fixed probabilities: more
// than two bits (RFC 6386, section 11.2).
constexpr std::uint64_t kVp8PixelsPerByte = 8 * 128;

std::uint64_t jpeg_pixels(std::string_view file) {
  for (std::size_t at = 2; at + 9 <= file.size();) {
    const auto marker = static_cast<unsigned char>(file[at + 1]);
    if (file[at] != '\xff') {
      return 0;
    }
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
      return std::uint64_t{read_unsigned(file, at + 5, 2, ByteOrder::kBig)} *
             read_unsigned(file, at + 7, 2, ByteOrder::kBig);
    }
    at += 2 + std::max(read_unsigned(file, at + 2, 2, ByteOrder::kBig), 2U);
  }
  return 0;
}

std::uint64_t gif_pixels(std::string_view file) {
  return file.size() < 10 ? 0
                          : std::uint64_t{read_unsigned(file, 6, 2, ByteOrder::kLittle)} *
                                read_unsigned(file, 8, 2, ByteOrder::kLittle);
}

std::uint64_t tiff_pixels(std::string_view file) {
  constexpr std::uint32_t kWidthTag = 256;
  constexpr std::uint32_t kHeightTag = 257;
  constexpr std::uint32_t kTileWidthTag = 322;
  constexpr std::uint32_t kTileHeightTag = 323;
  const auto area = [&](std::uint32_t width, std::uint32_t height) {
    return std::uint64_t{tiff_unsigned(file, width).value_or(0)} *
           tiff_unsigned(file, height).value_or(0);
  };
  return std::max(area(kWidthTag, kHeightTag), area(kTileWidthTag, kTileHeightTag));
}

// Of the lossy kind; the lossless one may need no bits at all.
std::uint64_t webp_pixels(std::string_view file) {
  constexpr std::uint32_t kSide = 0x3fff;
  for (std::uint64_t at = 12; at + 18 <= file.size();) {
    if (file.substr(at, 4) == "VP8 ") {
      return std::uint64_t{read_unsigned(file, at + 14, 2, ByteOrder::kLittle) & kSide} *
             (read_unsigned(file, at + 16, 2, ByteOrder::kLittle) & kSide);
    }
    const std::uint64_t size = read_unsigned(file, at + 4, 4, ByteOrder::kLittle);
    at += 8 + size + size % 2;
  }
  return 0;
}

}  // namespace

void check_claimed_pixels(std::string_view file, ImageFormat format, const std::string& where) {
  std::uint64_t pixels = 0;
  std::uint64_t per_byte = 1;
  switch (format) {
    case ImageFormat::kJpeg:
      pixels = jpeg_pixels(file);
      per_byte = kJpegPixelsPerByte;
      break;
    case ImageFormat::kGif:
      pixels = gif_pixels(file);
      per_byte = kGifPixelsPerByte;
      break;
    case ImageFormat::kTiff:
      pixels = tiff_pixels(file);
      per_byte = kTiffPixelsPerByte;
      break;
    case ImageFormat::kPnm:
      pixels = pnm_numbers(file).pixels();
      per_byte = kPnmPixelsPerByte;
      break;
    case ImageFormat::kWebp:
      pixels = webp_pixels(file);
      per_byte = kVp8PixelsPerByte;
      break;
    default:
      return;
  }
  if (pixels > kAlwaysAllowed && pixels / per_byte > file.size()) {
    throw Error(ErrorParts{
        .what = "the image declares more pixels than its bytes can hold",
        .where = where,
        .got = std::to_string(pixels) + " pixels in " + std::to_string(file.size()) + " bytes",
        .remedy = "Copy or export the image again."});
  }
}

}  // namespace parallax
