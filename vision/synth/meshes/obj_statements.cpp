// Joins lines, and cuts them into words.
#include "vision/synth/meshes/obj_statements.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace parallax {
namespace {

std::string_view trimmed_text(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  const std::size_t end = text.find_last_not_of(" \t\r");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin, end - begin + 1);
}

}  // namespace

std::string_view take_word(std::string_view* text) {
  *text = trimmed_text(*text);
  const std::size_t end = std::min(text->find_first_of(" \t"), text->size());
  const std::string_view word = text->substr(0, end);
  *text = trimmed_text(text->substr(end));
  return word;
}

std::optional<float> as_number(std::string_view word) {
  if (!word.empty() && word[0] == '+') {
    word.remove_prefix(1);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (end != word.data() + word.size() || error == std::errc::invalid_argument) {
    return std::nullopt;
  }
  if (error == std::errc::result_out_of_range) {  // `value` is as it was
    return word.find("e-") != std::string_view::npos || word.find("E-") != std::string_view::npos
               ? std::optional<float>(0)
               : std::nullopt;
  }
  return std::abs(value) <= std::numeric_limits<float>::max()
             ? std::optional<float>(static_cast<float>(value))
             : std::nullopt;
}

bool ObjStatements::next() {
  joined_.clear();
  keyword_ = {};
  while (keyword_.empty() && lines_.next()) {
    const std::string_view piece = trimmed_text(lines_.text());
    if (joined_.empty()) {
      if (piece.empty() || piece.front() == '#') {
        continue;
      }
      line_ = lines_.number();
    }
    if (!piece.empty() && piece.back() == '\\') {
      joined_.append(piece.substr(0, piece.size() - 1)) += ' ';
      continue;
    }
    joined_.append(piece);
    take_statement();
  }
  if (keyword_.empty()) {
    take_statement();  // a \ in the last line
  }
  return !keyword_.empty();
}

void ObjStatements::take_statement() {
  rest_ = joined_;
  keyword_ = take_word(&rest_);
  if (keyword_.empty()) {
    joined_.clear();
  }
}

}  // namespace parallax
