// What is wrong with a command line, in one sentence with the name that was probably meant.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace parallax {

// The name nearest to `word` by insertions, deletions, replacements and swapped neighbours, or one
// that `word` begins; empty if none is near.
std::string nearest_name(const std::string& word, const std::vector<std::string>& names);

// "; did you mean 'render'?", or nothing.
std::string suggestion(const std::string& word, const std::vector<std::string>& names);

// The names of the commands below `app`.
std::vector<std::string> command_names(const CLI::App& app);

// The command of a command line that names one of several but not which: `parallax train`. Null if
// that is not what is wrong with it.
const CLI::App* command_without_choice(const CLI::App& program,
                                       const std::vector<std::string>& words);

// The command's whole name: "parallax train nvs".
std::string whole_name(const CLI::App& app);

// What an error about a command begins with: "train nvs: ", or nothing for the program itself.
std::string error_place(const CLI::App& app);

// The sentence for a command line, without the program's own name, that the parser refused.
std::string explain_usage(const CLI::App& program,
                          const std::vector<std::string>& words,
                          const CLI::ParseError& error);

}  // namespace parallax
