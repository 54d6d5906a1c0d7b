// Entries of the first directory of a TIFF file or EXIF block, and what a TIFF's alpha channel
// means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parallax {

inline constexpr std::uint32_t kOrientationTag = 274;  // TIFF's and EXIF's

// An entry's single 16-bit value and where it is stored.
struct TiffShort {
  std::uint32_t value = 0;
  std::size_t low_byte = 0;  // offset of the value's low byte
};

// The first value of the 16-bit entry with this tag; nullopt if there is none, or no TIFF block.
std::optional<TiffShort> tiff_short(std::string_view block, std::uint32_t tag);

// Where an entry's value or values are, whatever their type.
struct TiffField {
  std::uint32_t type = 0;
  std::size_t offset = 0;  // of the first byte
};

// The entry with this tag, of at most 8 bytes in all; of the first directory, or with `pointer` of
// the one to which that entry of the first leads. nullopt if there is none inside the block.
std::optional<TiffField> tiff_field(std::string_view block,
                                    std::uint32_t tag,
                                    std::optional<std::uint32_t> pointer = std::nullopt);

// The first value of the 16- or 32-bit entry with this tag; nullopt as above.
std::optional<std::uint32_t> tiff_unsigned(std::string_view block, std::uint32_t tag);

// What the fourth channel of a TIFF's colours is (tag ExtraSamples).
enum class TiffAlpha {
  kUnassociated,  // transparency; colours are as they look
  kAssociated,    // transparency; colours were multiplied by it
  kUnspecified,   // nothing in particular: not transparency
  kNone           // there is no such channel, or the file does not say
};

// Whether its colours are CIELAB, of which libtiff gives the numbers as if they were RGB.
bool is_lab_tiff(std::string_view file);

TiffAlpha tiff_alpha(std::string_view file);

// The TIFF file without what OpenCV 4.6 applies unasked, so that pixels come as they are stored:
// its orientation, even with IMREAD_UNCHANGED, is declared upright, and unassociated alpha as
// associated, since libtiff 4.5 multiplies 8-bit colours by the former and leaves the latter alone.
// Nor does it declare more rows per strip than the image has.
std::string with_pixels_as_stored(std::string_view file);

}  // namespace parallax
