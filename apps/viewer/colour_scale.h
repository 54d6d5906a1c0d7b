// The colours of differences, the same in the panes' shader and in their legend.
#pragma once

#include <array>
#include <cstdint>

namespace parallax {

// The map of values from 0 to 1, as in the reports' difference images.
using ColourMap = std::array<std::array<std::uint8_t, 3>, 256>;
const ColourMap& false_colours();

// The ends of signed differences: of the most negative and of the most positive; 0 is black. As in
// picture.frag.
inline constexpr std::array<std::uint8_t, 3> kNegativeColour = {51, 128, 255};
inline constexpr std::array<std::uint8_t, 3> kPositiveColour = {255, 89, 38};

}  // namespace parallax
