// Names compared without regard to how letters with marks are stored: macOS splits them.
#pragma once

#include <string>
#include <string_view>

namespace parallax {

// The UTF-8 text in Unicode's normal form D, as macOS stores file names: of "ü" the letter, then
// its mark. What is no UTF-8 stays as it is.
std::string decomposed(std::string_view text);

}  // namespace parallax
