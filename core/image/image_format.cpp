// Walks PNG chunks, JPEG markers, and the headers of WebP and BMP.
#include "core/image/image_format.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "core/base/error.h"

namespace parallax {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n"sv;
constexpr std::uint32_t kMostBmpCompression = 3;  // none, two run-length kinds, bit fields
constexpr std::size_t kBmpHeaderBytes = 14 + 40;
constexpr std::size_t kPngChunkFrame = 12;  // length, type, checksum
constexpr std::size_t kPngHeaderBytes = 13;
// Deflate cannot expand one byte to more than 1032.
constexpr std::uint64_t kLargestDeflateRatio = 1032;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value & 1) != 0 ? 0xedb88320U ^ (value >> 1) : value >> 1;
    }
    table[i] = value;
  }
  return table;
}

std::uint32_t crc32(std::string_view bytes) {
  static constexpr auto table = make_crc_table();
  std::uint32_t crc = 0xffffffffU;
  for (const char c : bytes) {
    crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
  }
  return ~crc;
}

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw Error({.what = what, .where = where, .remedy = "Copy or export the image again."});
}

[[noreturn]] void fail_truncated(const std::string& where) {
  fail(where, "the image is truncated");
}

bool changes_pixels(const PngChunk& chunk) {
  return chunk.type == "tRNS" ||
         (chunk.type[0] & 0x20) == 0;  // critical chunks begin with an upper-case letter
}

void check_png(std::string_view file, const std::string& where) {
  const auto chunks = png_chunks(file);
  if (chunks.empty() || chunks.back().type != "IEND") {
    fail_truncated(where);
  }
  if (chunks[0].type != "IHDR" || chunks[0].data.size() != kPngHeaderBytes) {
    fail(where, "the PNG image has no header");
  }
  std::uint64_t compressed = 0;
  for (const PngChunk& chunk : chunks) {
    if (changes_pixels(chunk) && !chunk.intact) {
      fail(where, c10::str("the image is damaged: wrong checksum of chunk ", chunk.type));
    }
    compressed += chunk.type == "IDAT" ? chunk.data.size() : 0;
  }
  const std::uint64_t width = read_unsigned(chunks[0].data, 0, 4, ByteOrder::kBig);
  const std::uint64_t height = read_unsigned(chunks[0].data, 4, 4, ByteOrder::kBig);
  const std::uint64_t bits = read_unsigned(chunks[0].data, 8, 1, ByteOrder::kBig);
  if (width == 0 || height == 0) {
    fail(where, "the image has no pixels");
  }
  // At least one channel; both factors are below 2^32 and bits below 2^8, so rows are exact.
  const std::uint64_t row_bytes = (width * bits + 7) / 8 + 1;
  if (height > compressed * kLargestDeflateRatio / row_bytes) {
    fail(where,
         c10::str("the image is truncated: it claims ",
                  width,
                  " × ",
                  height,
                  " pixels, but holds ",
                  compressed,
                  " bytes"));
  }
}

// The offset at which the entropy-coded data after a scan header ends: at a marker that is neither
// a stuffed zero nor a restart.
std::size_t skip_scan(std::string_view file, std::size_t position) {
  while (position + 1 < file.size()) {
    const auto next = static_cast<unsigned char>(file[position + 1]);
    if (file[position] == '\xff' && next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) {
      return position;
    }
    ++position;
  }
  return file.size();
}

void check_jpeg(std::string_view file, const std::string& where) {
  std::size_t position = 2;
  bool scanned = false;
  while (position + 2 <= file.size()) {
    const char marker = file[position + 1];
    // Padding, and bytes that do not belong there: decoders skip these, too.
    if (file[position] != '\xff' || marker == '\xff') {
      ++position;
      continue;
    }
    if (marker == '\xd9') {
      if (!scanned) {
        fail(where, "the JPEG image holds no pixels");
      }
      return;
    }
    if (position + 4 > file.size()) {
      break;
    }
    position += 2 + std::max(read_unsigned(file, position + 2, 2, ByteOrder::kBig), 2U);
    if (marker == '\xda') {
      scanned = true;
      position = skip_scan(file, position);
    }
  }
  fail_truncated(where);
}

// Whether the first chunk is one that libwebp takes (RFC 9649; RFC 6386, section 9.1). What it
// refuses OpenCV hands to GDAL, which tries all its formats on a temporary file, and prints.
bool begins_as_webp(std::string_view file) {
  constexpr std::size_t kChunk = 12;
  constexpr std::size_t kData = kChunk + 8;
  constexpr std::uint32_t kSide = 0x3fff;
  const auto number = [&](std::size_t offset, std::size_t count) {
    return read_unsigned(file, offset, count, ByteOrder::kLittle);
  };
  if (file.size() < kData + 5) {
    return false;
  }
  const std::string_view kind = file.substr(kChunk, 4);
  const std::uint64_t riff = number(4, 4);
  const std::uint64_t length = number(kChunk + 4, 4);
  if (length + kData - 8 > riff) {
    return false;
  }
  if (kind == "VP8L") {
    return file[kData] == 0x2f && number(kData + 4, 1) >> 5 == 0;
  }
  if (file.size() < kData + 10) {
    return false;
  }
  if (kind == "VP8X") {
    return length == 10;
  }
  const std::uint32_t frame = number(kData, 3);
  return kind == "VP8 " && file.substr(kData + 3, 3) == "\x9d\x01\x2a" && (frame & 1) == 0 &&
         (frame >> 1 & 7) <= 3 && (frame >> 4 & 1) == 1 && frame >> 5 < length &&
         (number(kData + 6, 2) & kSide) != 0 && (number(kData + 8, 2) & kSide) != 0;
}

void check_webp(std::string_view file, const std::string& where) {
  if (std::uint64_t{read_unsigned(file, 4, 4, ByteOrder::kLittle)} + 8 > file.size()) {
    fail_truncated(where);
  }
  if (!begins_as_webp(file)) {
    fail(where, "the WebP image is damaged");
  }
}

void check_bmp(std::string_view file, const std::string& where) {
  if (file.size() < kBmpHeaderBytes) {
    fail_truncated(where);
  }
  const std::uint64_t start = read_unsigned(file, 10, 4, ByteOrder::kLittle);
  const auto width = static_cast<std::int32_t>(read_unsigned(file, 18, 4, ByteOrder::kLittle));
  const auto height = static_cast<std::int32_t>(read_unsigned(file, 22, 4, ByteOrder::kLittle));
  const std::uint64_t bits = read_unsigned(file, 28, 2, ByteOrder::kLittle);
  const std::uint32_t compression = read_unsigned(file, 30, 4, ByteOrder::kLittle);
  const auto columns = static_cast<std::uint64_t>(std::abs(std::int64_t{width}));
  const auto rows = static_cast<std::uint64_t>(std::abs(std::int64_t{height}));
  const std::uint64_t row_bytes = (columns * bits + 31) / 32 * 4;
  if (compression > kMostBmpCompression || columns == 0 || rows == 0) {
    fail(where, "the BMP image's header is damaged or of an unsupported kind");
  }
  const bool run_length = compression == 1 || compression == 2;
  if (start > file.size() ||
      (!run_length && row_bytes != 0 && rows > (file.size() - start) / row_bytes)) {
    fail_truncated(where);
  }
}

constexpr std::string_view kJp2Signature = "\0\0\0\x0cjP  \r\n\x87\n"sv;
constexpr std::string_view kJ2kSignature = "\xff\x4f\xff\x51"sv;

bool is_jpeg2000(std::string_view file) {
  return file.starts_with(kJp2Signature) || file.starts_with(kJ2kSignature);
}

// OpenJPEG 2.5 decodes what there is of a truncated file.
void check_jpeg2000(std::string_view file, const std::string& where) {
  constexpr std::string_view kEndOfCodestream = "\xff\xd9"sv;
  std::string_view codestream = file;
  while (!codestream.starts_with(kJ2kSignature)) {  // boxes: length, type, content
    if (codestream.size() < 16) {
      fail_truncated(where);
    }
    std::uint64_t length = read_unsigned(codestream, 0, 4, ByteOrder::kBig);
    const bool is_codestream = codestream.substr(4, 4) == "jp2c";
    std::size_t head = 8;
    if (length == 1) {
      length = std::uint64_t{read_unsigned(codestream, 8, 4, ByteOrder::kBig)} << 32 |
               read_unsigned(codestream, 12, 4, ByteOrder::kBig);
      head = 16;
    } else if (length == 0) {
      length = codestream.size();
    }
    if (length < head || length > codestream.size()) {
      fail_truncated(where);
    }
    codestream = is_codestream ? codestream.substr(head, length - head) : codestream.substr(length);
    if (is_codestream && !codestream.starts_with(kJ2kSignature)) {
      fail(where, "the JPEG 2000 image is damaged");
    }
  }
  if (!codestream.ends_with(kEndOfCodestream)) {
    fail_truncated(where);
  }
}

// HEIC and AVIF share a container: a box of brands comes first.
std::optional<ImageFormat> heif_format(std::string_view file) {
  if (file.size() < 16 || file.substr(4, 4) != "ftyp") {
    return std::nullopt;
  }
  const std::size_t length = read_unsigned(file, 0, 4, ByteOrder::kBig);
  bool heic = false;
  for (std::size_t at = 8; at + 4 <= std::min(length, file.size()); at += 4) {
    const std::string_view brand = file.substr(at, 4);
    if (brand == "avif" || brand == "avis") {
      return ImageFormat::kAvif;
    }
    heic = heic || brand == "mif1" || brand == "msf1" || brand.starts_with("hei") ||
           brand.starts_with("hev");
  }
  return heic ? std::optional(ImageFormat::kHeic) : std::nullopt;
}

}  // namespace

std::optional<ImageFormat> image_format(std::string_view file) {
  if (file.starts_with(kPngSignature)) {
    return ImageFormat::kPng;
  }
  if (file.starts_with("\xff\xd8\xff"sv)) {
    return ImageFormat::kJpeg;
  }
  if (file.size() >= 16 && file.starts_with("RIFF"sv) && file.substr(8, 4) == "WEBP") {
    return ImageFormat::kWebp;
  }
  if (file.starts_with("BM"sv)) {
    return ImageFormat::kBmp;
  }
  if (file.starts_with("II*\0"sv) || file.starts_with("MM\0*"sv)) {
    return ImageFormat::kTiff;
  }
  if (file.size() >= 8 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6' &&
      " \t\r\n"sv.find(file[2]) != std::string_view::npos) {
    return ImageFormat::kPnm;
  }
  if (file.starts_with("GIF87a"sv) || file.starts_with("GIF89a"sv)) {
    return ImageFormat::kGif;
  }
  if (is_jpeg2000(file)) {
    return ImageFormat::kJpeg2000;
  }
  return heif_format(file);
}

std::uint32_t read_unsigned(std::string_view bytes,
                            std::size_t offset,
                            std::size_t count,
                            ByteOrder order) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = order == ByteOrder::kBig ? offset + i : offset + count - 1 - i;
    value = value << 8 | static_cast<unsigned char>(bytes[at]);
  }
  return value;
}

std::vector<PngChunk> png_chunks(std::string_view file) {
  std::vector<PngChunk> chunks;
  std::string_view rest = file.substr(std::min(file.size(), kPngSignature.size()));
  while (rest.size() >= kPngChunkFrame) {
    const std::size_t length = read_unsigned(rest, 0, 4, ByteOrder::kBig);
    if (length > rest.size() - kPngChunkFrame) {
      break;
    }
    const std::uint32_t checksum = read_unsigned(rest, 8 + length, 4, ByteOrder::kBig);
    chunks.push_back({.type = rest.substr(4, 4),
                      .data = rest.substr(8, length),
                      .whole = rest.substr(0, length + kPngChunkFrame),
                      .intact = crc32(rest.substr(4, 4 + length)) == checksum});
    if (chunks.back().type == "IEND") {
      break;
    }
    rest.remove_prefix(length + kPngChunkFrame);
  }
  return chunks;
}

void check_image_complete(std::string_view file, ImageFormat format, const std::string& where) {
  switch (format) {
    case ImageFormat::kPng:
      return check_png(file, where);
    case ImageFormat::kJpeg:
      return check_jpeg(file, where);
    case ImageFormat::kWebp:
      return check_webp(file, where);
    case ImageFormat::kBmp:
      return check_bmp(file, where);
    case ImageFormat::kTiff:
    case ImageFormat::kPnm:
    case ImageFormat::kGif:
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      return;  // their decoders report missing data
    case ImageFormat::kJpeg2000:
      return check_jpeg2000(file, where);
  }
}

std::string essential_png(std::string_view file) {
  std::string result(kPngSignature);
  for (const PngChunk& chunk : png_chunks(file)) {
    if (changes_pixels(chunk)) {
      result += chunk.whole;
    }
  }
  return result;
}

}  // namespace parallax
