// The lines of a text file, read piece by piece: memory for the longest line, not for the file.
#pragma once

#include <string>
#include <string_view>

#include "core/io/input_file.h"

namespace parallax {

// A byte-order mark at the beginning and carriage returns at the ends of lines, as Windows programs
// write them, are left out.
class TextLines {
 public:
  // Throws Error when the file is missing, unreadable, or not a regular file.
  explicit TextLines(const std::filesystem::path& path);

  // Goes to the next line; false where there is none. Throws Error for a line of more than 64 MiB,
  // which is no text, and where the file cannot be read.
  bool next();

  // The line, until next() is called again, and its number, from 1.
  std::string_view text() const { return text_; }
  int number() const { return number_; }

 private:
  bool fill();

  InputFile file_;
  std::string buffer_;
  std::size_t begin_ = 0;     // of what next() has not given yet, in `buffer_`
  std::uint64_t offset_ = 0;  // of what is not in `buffer_` yet, in the file
  std::string_view text_;
  int number_ = 0;
};

}  // namespace parallax
