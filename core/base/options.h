// Options declared once: a struct with a static `visit(self, visitor)` that names each member, its
// help and its range. Command line, JSON and checkpoint metadata all walk that one declaration.
//
//   struct Options {
//     int layers = 6;
//     template <class Self, class Visitor>
//     static void visit(Self& self, Visitor&& visitor) {
//       visitor("layers", self.layers, "number of blocks", OptionRange{1, 1000});
//     }
//   };
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

#include "core/base/error.h"

namespace parallax {

// The inclusive range of a numeric option; unbounded by default.
struct OptionRange {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
};

namespace options_detail {

// Whether `value` has the JSON type that represents T, and T can hold it: nlohmann-json converts
// other numbers to any one.
template <class T>
bool json_holds(const nlohmann::json& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value.is_boolean();
  } else if constexpr (std::is_integral_v<T>) {
    return value.is_number_unsigned()
               ? std::in_range<T>(value.get<std::uint64_t>())
               : value.is_number_integer() && std::in_range<T>(value.get<std::int64_t>());
  } else if constexpr (std::is_floating_point_v<T>) {
    return value.is_number();
  } else if constexpr (std::is_same_v<T, std::string>) {
    return value.is_string();
  } else {
    return value.is_array() &&
           std::all_of(value.begin(), value.end(), json_holds<typename T::value_type>);
  }
}

// What json_holds asks for, in words for error messages.
template <class T>
std::string json_type_name() {
  if constexpr (std::is_same_v<T, bool>) {
    return "true or false";
  } else if constexpr (std::is_integral_v<T>) {
    return "a whole number of " + std::to_string(8 * sizeof(T)) + " bits";
  } else if constexpr (std::is_floating_point_v<T>) {
    return "a number";
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "a text";
  } else {
    return "a list, each element " + json_type_name<typename T::value_type>();
  }
}

}  // namespace options_detail

// A JSON object's field as a T: a bool, number, text or list of these. Throws Error, naming `where`
// and the field, if it is something else or a number that T cannot hold.
template <class T>
T read_json_field(const nlohmann::json& field, const std::string& name, const std::string& where) {
  if (!options_detail::json_holds<T>(field)) {
    throw Error(ErrorParts{.what = "the field has the wrong type or is out of range",
                           .where = where + ", field '" + name + "'",
                           .expected = options_detail::json_type_name<T>(),
                           .got = field.dump()});
  }
  return field.get<T>();
}

// All options as a JSON object from name to value.
template <class Options>
nlohmann::json options_to_json(const Options& options) {
  nlohmann::json json = nlohmann::json::object();
  Options::visit(
      options,
      [&](const char* name, const auto& value, const std::string&, const OptionRange& = {}) {
        json[name] = value;
      });
  return json;
}

// Throws Error naming `where` and the field if a number is outside its declared range.
template <class Options>
void check_option_ranges(const Options& options, const std::string& where) {
  Options::visit(
      options, [&](const char* name, const auto& value, const char*, const OptionRange& r = {}) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_arithmetic_v<T>) {
          if (!(static_cast<double>(value) >= r.min && static_cast<double>(value) <= r.max)) {
            throw Error(ErrorParts{
                .what = "the value is out of range",
                .where = where + ", field '" + name + "'",
                .expected = nlohmann::json(r.min).dump() + " to " + nlohmann::json(r.max).dump(),
                .got = nlohmann::json(value).dump()});
          }
        }
      });
}

// Fields that the JSON lacks keep their value. Throws Error, naming `where` and the field, for
// unknown fields, wrong types and values out of range.
template <class Options>
void options_from_json(const nlohmann::json& json, const std::string& where, Options& options) {
  if (!json.is_object()) {
    throw Error(ErrorParts{.what = "the options are not a JSON object", .where = where});
  }
  std::set<std::string> known;
  Options::visit(options, [&](const char* name, auto& value, const char*, const OptionRange& = {}) {
    using T = std::decay_t<decltype(value)>;
    known.insert(name);
    if (json.contains(name)) {
      value = read_json_field<T>(json.at(name), name, where);
    }
  });
  for (const auto& item : json.items()) {
    if (known.count(item.key()) == 0) {
      throw Error(ErrorParts{.what = "there is no option of this name",
                             .where = where + ", field '" + item.key() + "'"});
    }
  }
  check_option_ranges(options, where);
}

}  // namespace parallax
