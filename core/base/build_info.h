// The version and commit that this program was built from, and the command line that started it.
#pragma once

#include <string>

namespace parallax {

// "0.1.0".
std::string program_version();

// The short hash of the source's commit, with "-modified" appended if files differed from it, or
// "unknown" outside a repository.
std::string build_commit();

// The command line of this process: arguments quoted where a shell needs it, the program without
// its folder.
std::string command_line();

}  // namespace parallax
