// Walks the boxes of a JP2 file (ISO/IEC 15444-1, annex I).
#include "core/image/jpeg2000_colours.h"

#include "core/image/image_format.h"

namespace parallax {
namespace {

constexpr std::size_t kHead = 8;  // length and type

// The offset of the box of that type among those that begin at `from`, up to `end`.
std::optional<std::size_t> find_box(std::string_view file,
                                    std::string_view type,
                                    std::size_t from,
                                    std::size_t end) {
  while (from + kHead <= end) {
    if (file.substr(from + 4, 4) == type) {
      return from;
    }
    const std::size_t length = read_unsigned(file, from, 4, ByteOrder::kBig);
    if (length < kHead || length > end - from) {  // a long one holds pixels, which come last
      return std::nullopt;
    }
    from += length;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> sycc_declaration(std::string_view file) {
  constexpr std::uint32_t kEnumerated = 1;
  constexpr std::uint32_t kSycc = 18;
  constexpr std::size_t kColourBox = kHead + 3 + 4;  // method, precedence, approximation, space
  const auto header = find_box(file, "jp2h", 0, file.size());
  if (!header) {
    return std::nullopt;
  }
  const std::size_t length = read_unsigned(file, *header, 4, ByteOrder::kBig);
  if (length < kHead || length > file.size() - *header) {
    return std::nullopt;
  }
  const std::size_t end = *header + length;
  const auto colours = find_box(file, "colr", *header + kHead, end);
  const bool is_sycc = colours && *colours + kColourBox <= end &&
                       read_unsigned(file, *colours + kHead, 1, ByteOrder::kBig) == kEnumerated &&
                       read_unsigned(file, *colours + kHead + 3, 4, ByteOrder::kBig) == kSycc;
  return is_sycc ? std::optional(*colours + kColourBox - 1) : std::nullopt;
}

}  // namespace parallax
