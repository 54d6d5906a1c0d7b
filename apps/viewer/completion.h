// Completes paths as they are typed.
#pragma once

#include <string>
#include <vector>

namespace parallax {

// The entries of `text`'s folder that begin with its last part, at most `most`: folders first, with
// a trailing slash; hidden files only if that part begins with a dot. "~" is the home folder.
std::vector<std::string> complete_path(const std::string& text, size_t most = 200);

// "~/a" with the home folder in place of "~".
std::string expand_home(const std::string& text);

}  // namespace parallax
