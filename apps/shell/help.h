// `--help` as the program writes it.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

namespace parallax {

// An option as "--size TEXT", and behind its help the default in brackets.
std::shared_ptr<CLI::FormatterBase> help_formatter();

// What `parallax COMMAND --help` prints.
std::string help_text(const CLI::App& command);

}  // namespace parallax
