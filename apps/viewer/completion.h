// Paths completed as they are typed.
#pragma once

#include <string>
#include <vector>

namespace parallax {

// What is in the folder of `text` and begins with its last part, folders with a slash at the end
// first, hidden files only where asked for by a dot; at most `most`. "~" is the home folder.
std::vector<std::string> complete_path(const std::string& text, size_t most = 200);

// "~/a" with the home folder.
std::string expand_home(const std::string& text);

}  // namespace parallax
