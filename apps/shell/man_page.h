// The manual page, written from the program's commands.
#pragma once

#include <string>

#include "apps/shell/command_tree.h"

namespace parallax {

// roff for man(1).
std::string man_page(const CommandTree& program, const std::string& version);

}  // namespace parallax
