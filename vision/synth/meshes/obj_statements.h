// The statements of OBJ and MTL files, and what they are made of.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/io/text_lines.h"

namespace parallax {

// A file's statements one after the other. A line that ends in \ goes on in the next, unless it is
// a comment: some are paths of Windows. Empty lines and comments are left out.
class ObjStatements {
 public:
  // Throws Error when the file is missing, unreadable, or not a regular file.
  explicit ObjStatements(const std::filesystem::path& path) : lines_(path) {}

  // Goes to the next statement; false where there is none. Throws Error as TextLines::next() does.
  bool next();

  // The statement, until next() is called again.
  std::string_view keyword() const { return keyword_; }
  std::string_view rest() const { return rest_; }
  int line() const { return line_; }  // where it begins, from 1

 private:
  void take_statement();

  TextLines lines_;
  std::string joined_;
  std::string_view keyword_;
  std::string_view rest_;
  int line_ = 0;
};

// Takes the first word off the text, and the blanks around it.
std::string_view take_word(std::string_view* text);

// The finite number that a whole word is; too small ones are 0.
std::optional<float> as_number(std::string_view word);

}  // namespace parallax
