// Look-up in pickled dictionaries, and descriptions for messages.
#include "core/io/pickle/pickle_value.h"

namespace parallax {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kLongestQuote = 80;

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, kLongestQuote)) {
    result += c >= ' ' && c <= '~' ? c : '?';
  }
  return result;
}

const PickleValue* PickleValue::find(std::string_view key) const {
  for (std::size_t i = 0; is_mapping() && i + 1 < items.size(); i += 2) {
    if (items[i]->kind == Kind::kString && items[i]->text == key) {
      return items[i + 1];
    }
  }
  return nullptr;
}

std::string describe(const PickleValue& value) {
  switch (value.kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return "a bool";
    case Kind::kInt:
      return "an int";
    case Kind::kFloat:
      return "a float";
    case Kind::kString:
      return "a string";
    case Kind::kTuple:
      return "a tuple";
    case Kind::kList:
      return "a list";
    case Kind::kDict:
      return "a dictionary";
    case Kind::kGlobal:
      return "the name " + printable(value.text);
    case Kind::kStorage:
      return "a storage";
    case Kind::kTensor:
      return "a tensor";
    case Kind::kOpaque:
      return "an object of class " + printable(value.text);
  }
  return "a value";
}

}  // namespace parallax
