// Builds the sentence of an Error from its parts.
#include "core/base/error.h"

namespace parallax {
namespace {

// What files say of themselves is quoted here, and a terminal would obey control characters.
std::string without_controls(const std::string& text) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string plain;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= 0x20 && byte != 0x7f) || c == '\n' || c == '\t') {
      plain += c;
    } else {
      plain += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return plain;
}

std::string compose(const ErrorParts& parts) {
  std::string text;
  if (!parts.where.empty()) {
    text += parts.where + ": ";
  }
  text += parts.what;
  if (!parts.expected.empty() || !parts.got.empty()) {
    text += " (";
    if (!parts.expected.empty()) {
      text += "expected " + parts.expected;
    }
    if (!parts.got.empty()) {
      text += (parts.expected.empty() ? "got " : ", got ") + parts.got;
    }
    text += ")";
  }
  if (!parts.remedy.empty()) {
    text += ". " + parts.remedy;
  }
  return text;
}

}  // namespace

Error::Error(const ErrorParts& parts) : std::runtime_error(without_controls(compose(parts))) {}

}  // namespace parallax
