// Builds the sentence of an Error from its parts.
#include "core/base/error.h"

namespace parallax {
namespace {

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

Error::Error(const ErrorParts& parts) : std::runtime_error(compose(parts)) {}

}  // namespace parallax
