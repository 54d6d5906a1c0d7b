// JSON as text, whatever bytes names hold: file names on Linux need not be UTF-8, JSON must.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace parallax {

// The text with each byte that is not part of valid UTF-8 as \xNN.
std::string escape_invalid_utf8(const std::string& text);

// Like json.dump(indent), with strings and keys as escape_invalid_utf8() gives them where dump()
// would throw.
std::string dump_json(const nlohmann::json& json, int indent = -1);

}  // namespace parallax
