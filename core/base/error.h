// The one exception type of Parallax: a sentence that says what was wrong, where, what was expected
// and what to do about it.
#pragma once

#include <stdexcept>
#include <string>

namespace parallax {

// The parts of an Error's sentence; empty ones are left out.
struct ErrorParts {
  std::string what;      // what is wrong: "the image has no pixels"
  std::string where;     // file, view, field: "scene/a.json, view 3, field 'fx'"
  std::string expected;  // "a positive number"
  std::string got;       // "-4"
  std::string remedy;    // "Re-export the scene."
};

// Any failure; what() is the whole sentence.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what) : std::runtime_error(what) {}
  explicit Error(const ErrorParts& parts);
};

// The user asked for something that makes no sense (exit code 2); any other Error is failed work
// (exit code 1).
class UsageError : public Error {
 public:
  using Error::Error;
};

}  // namespace parallax
