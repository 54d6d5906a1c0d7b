// Names compared without regard to how letters with marks are stored: macOS splits them.
#pragma once

#include <string>
#include <string_view>

namespace parallax {

// The UTF-8 text with every letter that has marks, such as "ü" or "が", and every Hangul syllable
// as macOS stores them in file names: the letter, then its marks (Unicode's NFD, but for the order
// of several marks). What is no UTF-8 stays as it is.
std::string decomposed(std::string_view text);

}  // namespace parallax
