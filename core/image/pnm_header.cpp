// Reads the numbers after "P6", between which are blanks and comments.
#include "core/image/pnm_header.h"

#include <algorithm>
#include <cctype>

namespace parallax {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// The next number, and `at` behind it; 0 where the file ends before it.
std::uint64_t next_number(std::string_view file, std::size_t& at) {
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 31;
  while (at < file.size() && !is_digit(file[at])) {
    at = file[at] == '#' ? std::min(file.find('\n', at), file.size()) : at + 1;
  }
  std::uint64_t value = 0;
  for (; at < file.size() && is_digit(file[at]); ++at) {
    value = std::min(value * 10 + static_cast<std::uint64_t>(file[at] - '0'), kLargest);
  }
  return value;
}

}  // namespace

PnmNumbers pnm_numbers(std::string_view file) {
  std::size_t at = 2;
  PnmNumbers numbers;
  numbers.width = next_number(file, at);
  numbers.height = next_number(file, at);
  const bool is_bitmap = file.starts_with("P1") || file.starts_with("P4");
  numbers.white = is_bitmap ? 1 : std::max<std::uint64_t>(next_number(file, at), 1);
  return numbers;
}

}  // namespace parallax
