// Walks an object's fields.
#include "vision/models/card_numbers.h"

#include <utility>

#include "core/base/error.h"

namespace parallax {
namespace {

bool fits_int(const nlohmann::json& number) {
  return number.is_number_unsigned() ? std::in_range<int>(number.get<std::uint64_t>())
                                     : std::in_range<int>(number.get<std::int64_t>());
}

bool is_usable(const nlohmann::json& field) {
  if (!field.is_array()) {
    return !field.is_number_integer() || fits_int(field);
  }
  for (const nlohmann::json& element : field) {
    if (element.is_number() && !(element.is_number_integer() && fits_int(element))) {
      return false;
    }
  }
  return true;
}

}  // namespace

void check_card_numbers(const nlohmann::json& object, const std::string& where) {
  if (!object.is_object()) {
    return;
  }
  for (const auto& [name, field] : object.items()) {
    if (!is_usable(field)) {
      throw Error(ErrorParts{.what = "the field has no sensible value",
                             .where = where + ", field '" + name + "'",
                             .expected = "whole numbers below 2147483648",
                             .got = field.dump()});
    }
  }
}

}  // namespace parallax
