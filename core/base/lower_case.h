// Names compared without regard to capital letters.
#pragma once

#include <cctype>
#include <string>
#include <string_view>

namespace parallax {

// The text with ASCII letters in lower case, whatever else it holds.
inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return lower;
}

}  // namespace parallax
