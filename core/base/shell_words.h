// Words as a POSIX shell reads them.
#pragma once

#include <string>
#include <vector>

namespace parallax {

// The word, in quotes if a shell would take it for anything else.
std::string shell_word(const std::string& word);

// A command line that a shell splits into these words again.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace parallax
