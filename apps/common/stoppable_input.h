// Standard input as a stream that a stop signal ends.
#pragma once

#include <array>
#include <istream>
#include <streambuf>

namespace parallax {

// What a program at the other end of a pipe may write much later, or never: a signal is delivered
// to any thread, so that a blocked read need not notice it.
class StoppableInput : private std::streambuf, public std::istream {
 public:
  StoppableInput() : std::istream(static_cast<std::streambuf*>(this)) {}

 private:
  // Waits for bytes; the end where there are none left, or where stop_requested().
  std::streambuf::int_type underflow() override;

  std::array<char, 1 << 16> buffer_{};
};

}  // namespace parallax
