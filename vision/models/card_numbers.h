// Numbers of a model's card, before they become options.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace parallax {

// Throws Error, naming `where` and the field, for a whole number or one in a list that an int
// cannot hold: nlohmann-json converts such numbers to any other one. Says nothing of other fields.
void check_card_numbers(const nlohmann::json& object, const std::string& where);

}  // namespace parallax
