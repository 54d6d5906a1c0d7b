// Line by line, without a Markdown library.
#include "tests/support/markdown_pages.h"

#include <sstream>
#include <string_view>
#include <utility>

#include "tests/support/scratch_folder.h"

namespace parallax::testing {
namespace {

bool is_blank(const std::string& line) {
  return line.find_first_not_of(" \t\r") == std::string::npos;
}

}  // namespace

MarkdownPage read_markdown(const std::filesystem::path& path) {
  MarkdownPage page{.path = path};
  std::istringstream stream(read_bytes(path));
  bool fenced = false;
  bool may_indent = true;  // after a blank line or another indented one
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("```")) {
      fenced = !fenced;
    } else if (fenced || (may_indent && line.starts_with("    "))) {
      page.code.push_back(line);
    } else {
      page.prose.push_back(line);
      may_indent = is_blank(line);
    }
  }
  return page;
}

std::vector<ShellWords> shell_commands(const std::string& line) {
  std::vector<ShellWords> commands(1);
  std::string word;
  bool in_word = false;
  char quote = 0;
  const auto end_word = [&] {
    if (std::exchange(in_word, false)) {
      commands.back().push_back(std::exchange(word, ""));
    }
  };
  for (const char c : line + "\n") {
    if (quote != 0 && c != quote) {
      word += c;
    } else if (c == '\'' || c == '"') {
      quote = quote == 0 ? c : 0;
      in_word = true;
    } else if (c == '#' && !in_word) {
      break;
    } else if (std::string_view(" \t\r\n|;&").find(c) == std::string_view::npos) {
      word += c;
      in_word = true;
    } else {
      end_word();
      if (std::string_view("|;&").find(c) != std::string_view::npos) {
        commands.emplace_back();
      }
    }
  }
  end_word();
  return commands;
}

}  // namespace parallax::testing
