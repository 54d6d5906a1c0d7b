// Walks the first directory, whose entries have twelve bytes each.
#include "core/image/tiff_directory.h"

#include "core/image/image_format.h"

namespace parallax {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::uint32_t kHeightTag = 257;
constexpr std::uint32_t kRowsPerStripTag = 278;
constexpr std::uint32_t kExtraSamplesTag = 338;
constexpr std::uint32_t kShortType = 3;
constexpr std::size_t kDirectoryEntryBytes = 12;

ByteOrder order_of_tiff(std::string_view block) {
  return block[0] == 'I' ? ByteOrder::kLittle : ByteOrder::kBig;
}

bool is_tiff(std::string_view block) {
  return block.size() >= 8 && (block.starts_with("II*\0"sv) || block.starts_with("MM\0*"sv));
}

// The offset of the entry with this tag, of twelve bytes, in the directory at `directory`; nullopt
// if there is none.
std::optional<std::size_t> find_entry_in(std::string_view block,
                                         std::size_t directory,
                                         std::uint32_t tag) {
  const ByteOrder order = order_of_tiff(block);
  if (directory > block.size() - 2) {
    return std::nullopt;
  }
  const std::size_t count = read_unsigned(block, directory, 2, order);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t entry = directory + 2 + i * kDirectoryEntryBytes;
    if (entry + kDirectoryEntryBytes > block.size()) {
      break;
    }
    if (read_unsigned(block, entry, 2, order) == tag) {
      return entry;
    }
  }
  return std::nullopt;
}

// The same in the first directory; nullopt, too, if this is no TIFF block.
std::optional<std::size_t> find_tiff_entry(std::string_view block, std::uint32_t tag) {
  return is_tiff(block)
             ? find_entry_in(block, read_unsigned(block, 4, 4, order_of_tiff(block)), tag)
             : std::nullopt;
}

}  // namespace

std::optional<TiffField> tiff_field(std::string_view block,
                                    std::uint32_t tag,
                                    std::optional<std::uint32_t> pointer) {
  std::optional<std::size_t> entry;
  if (!pointer) {
    entry = find_tiff_entry(block, tag);
  } else if (const auto leads_to = tiff_unsigned(block, *pointer)) {
    entry = find_entry_in(block, *leads_to, tag);
  }
  if (!entry) {
    return std::nullopt;
  }
  constexpr std::uint32_t kLong = 4;
  const ByteOrder order = order_of_tiff(block);
  TiffField field{.type = read_unsigned(block, *entry + 2, 2, order), .offset = *entry + 8};
  if (field.type > kLong) {  // rationals do not fit into the entry
    field.offset = read_unsigned(block, field.offset, 4, order);
    if (block.size() < 8 || field.offset > block.size() - 8) {
      return std::nullopt;
    }
  }
  return field;
}

std::optional<TiffShort> tiff_short(std::string_view block, std::uint32_t tag) {
  const auto entry = find_tiff_entry(block, tag);
  if (!entry || read_unsigned(block, *entry + 2, 2, order_of_tiff(block)) != kShortType) {
    return std::nullopt;
  }
  const ByteOrder order = order_of_tiff(block);
  return TiffShort{.value = read_unsigned(block, *entry + 8, 2, order),
                   .low_byte = *entry + 8 + (order == ByteOrder::kBig ? 1 : 0)};
}

std::optional<std::uint32_t> tiff_unsigned(std::string_view block, std::uint32_t tag) {
  const auto entry = find_tiff_entry(block, tag);
  if (!entry) {
    return std::nullopt;
  }
  const ByteOrder order = order_of_tiff(block);
  const bool is_short = read_unsigned(block, *entry + 2, 2, order) == kShortType;
  return read_unsigned(block, *entry + 8, is_short ? 2 : 4, order);
}

bool is_lab_tiff(std::string_view file) {
  constexpr std::uint32_t kPhotometricTag = 262;
  constexpr std::uint32_t kCieLab = 8;
  constexpr std::uint32_t kItuLab = 10;
  const std::uint32_t photometric = tiff_unsigned(file, kPhotometricTag).value_or(0);
  return photometric >= kCieLab && photometric <= kItuLab;  // and ICC's between them
}

TiffAlpha tiff_alpha(std::string_view file) {
  const auto extra = tiff_short(file, kExtraSamplesTag);
  if (!extra) {
    return TiffAlpha::kNone;
  }
  switch (extra->value) {
    case 0:
      return TiffAlpha::kUnspecified;
    case 1:
      return TiffAlpha::kAssociated;
    case 2:
      return TiffAlpha::kUnassociated;
    default:
      return TiffAlpha::kNone;
  }
}

std::string with_pixels_as_stored(std::string_view file) {
  std::string result(file);
  if (const auto orientation = tiff_short(file, kOrientationTag);
      orientation && orientation->value > 1 && orientation->value <= 8) {
    result[orientation->low_byte] = 1;
  }
  if (tiff_alpha(file) == TiffAlpha::kUnassociated) {
    result[tiff_short(file, kExtraSamplesTag)->low_byte] = 1;
  }
  // More rows per strip than the image has mean all of them, but OpenCV makes room for each.
  const auto rows = tiff_unsigned(file, kRowsPerStripTag);
  const auto height = tiff_unsigned(file, kHeightTag);
  if (rows && height && *rows > *height) {
    const std::size_t entry = *find_tiff_entry(file, kRowsPerStripTag);
    const ByteOrder order = order_of_tiff(file);
    const std::size_t bytes = read_unsigned(file, entry + 2, 2, order) == kShortType ? 2 : 4;
    for (std::size_t i = 0; i < bytes; ++i) {
      const std::size_t at = order == ByteOrder::kLittle ? i : bytes - 1 - i;
      result[entry + 8 + at] = static_cast<char>(*height >> (8 * i) & 0xff);
    }
  }
  return result;
}

}  // namespace parallax
