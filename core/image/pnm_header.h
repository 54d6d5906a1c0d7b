// The numbers at the beginning of a PNM file (PBM, PGM, PPM).
#pragma once

#include <cstdint>
#include <string_view>

namespace parallax {

// Zero or one stands for a number that the file ends before.
struct PnmNumbers {
  std::uint64_t width = 0;
  std::uint64_t height = 0;
  // The value of white: 1 for PBM, 255 or less for one byte per sample, up to 65535 for two.
  std::uint64_t white = 1;

  std::uint64_t pixels() const { return width * height; }
};

PnmNumbers pnm_numbers(std::string_view file);

}  // namespace parallax
