// Completions for shells, written from the program's commands.
#pragma once

#include <string>

#include "apps/shell/command_tree.h"

namespace parallax {

std::string bash_completion(const CommandTree& program);
std::string zsh_completion(const CommandTree& program);
std::string fish_completion(const CommandTree& program);

}  // namespace parallax
