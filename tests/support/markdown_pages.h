// Markdown pages taken apart into code and prose, and the commands in the code.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace parallax::testing {

struct MarkdownPage {
  std::filesystem::path path;
  std::vector<std::string> code;   // lines of fenced and indented code blocks
  std::vector<std::string> prose;  // all others
};

MarkdownPage read_markdown(const std::filesystem::path& path);

using ShellWords = std::vector<std::string>;

// A line as the shell cuts it: commands between | ; and &&, words with their quotes removed, no
// comment.
std::vector<ShellWords> shell_commands(const std::string& line);

}  // namespace parallax::testing
