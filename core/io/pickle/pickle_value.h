// The values that a pickle can hold, as far as checkpoints need them.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace parallax {

// One value of a pickle. Which fields are meaningful depends on `kind`.
struct PickleValue {
  // The value's type; the comments name the fields that it uses.
  enum class Kind {
    kNone,
    kBool,     // integer
    kInt,      // integer
    kFloat,    // real
    kString,   // text
    kTuple,    // items
    kList,     // items
    kDict,     // items: key, value, key, value, …; also collections.OrderedDict
    kGlobal,   // text: "module.name"
    kStorage,  // attached: torch's persistent id, a tuple
    kTensor,   // text: "torch._utils._rebuild_…", attached: that function's arguments, a tuple;
               // items: of a subclass or a tensor with attributes, its class and its state
    kOpaque,   // text: the class or function; items as a dict's if it was filled like one;
               // attached: its attributes, if it was given any
  };

  Kind kind = Kind::kNone;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<PickleValue*> items;
  PickleValue* attached = nullptr;

  bool is_mapping() const {
    return kind == Kind::kDict || (kind == Kind::kOpaque && !items.empty());
  }
  // The value under a string key of a mapping, or null.
  const PickleValue* find(std::string_view key) const;
};

// The text with non-printable characters replaced, cut to a length that suits a message.
std::string printable(std::string_view text);

// A description for messages: "a tuple", "an object of class x.Y".
std::string describe(const PickleValue& value);

// An unpickled document. Owns its values, which may refer to each other in cycles.
struct PickleDocument {
  std::deque<PickleValue> values;
  PickleValue* root = nullptr;
};

}  // namespace parallax
