// What this program was built from.
#pragma once

#include <string>

namespace parallax {

// The short hash of the source's commit, with "-modified" where files differed from it, or
// "unknown" outside a repository.
std::string build_commit();

// The words this process was started with, quoted where a shell needs it; the program by its name.
std::string command_line();

}  // namespace parallax
