// The program's commands and options as plain data, read off the command line's own declarations:
// what completions and the man page are written from.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace parallax {

struct CommandOption {
  std::vector<std::string> flags;  // "-o", "--output"; a positional argument has none
  std::string name;                // "--output", or a positional's "SCENE"
  std::string help;
  std::string default_text;
  bool takes_value = true;
  bool required = false;
  bool several = false;              // values, one after the other
  std::vector<std::string> choices;  // words that a shell may offer
  bool files = false;                // it may offer files and folders, too
};

struct CommandTree {
  std::string name;  // all its words below the program's: "train nvs"; the program itself: ""
  std::string help;
  std::string footer;  // examples
  std::vector<CommandOption> options;
  std::vector<CommandOption> positionals;
  std::vector<CommandTree> commands;
};

CommandTree read_command_tree(const CLI::App& program);

// The tree's commands in order, the program itself first.
std::vector<const CommandTree*> all_commands(const CommandTree& tree);

// The last word of a command's name.
std::string last_word(const CommandTree& command);

// Whether `command_tree.cpp` says what an option that takes a text is to be completed with
// (nothing, perhaps). A test asks it for every option, so that a new one is not forgotten.
bool has_known_values(const CommandOption& option);

}  // namespace parallax
