// JSON as text, whoever wrote it: file names on Linux need not be UTF-8, JSON must, and a parsed
// document must not take the memory that its text only hints at.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace parallax {

// The text with each byte that is not part of valid UTF-8 as \xNN.
std::string escape_invalid_utf8(const std::string& text);

// Throws Error at `where` for JSON that is nested more than a hundred lists and objects deep, which
// nlohmann-json copies and prints by recursion, or whose parsed values may take more than 16 times
// the text's size and 64 MiB. Says nothing of JSON that is no JSON.
void check_json_shape(std::string_view text, const std::string& where);

// The document; discarded if it is no JSON. Throws Error as check_json_shape() does.
nlohmann::json parse_json(std::string_view text, const std::string& where);

// What the library says of the JSON, without the name of its exception in front.
std::string json_reason(const nlohmann::json::exception& error);

// Like json.dump(indent), with strings and keys as escape_invalid_utf8() gives them where dump()
// would throw.
std::string dump_json(const nlohmann::json& json, int indent = -1);

}  // namespace parallax
