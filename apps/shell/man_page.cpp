// The sections that man(7) asks for; the texts are the options' own.
#include "apps/shell/man_page.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace parallax {
namespace {

// The UTF-8 character that begins at `at`; `at` goes to its last byte.
unsigned code_point(const std::string& text, size_t& at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  unsigned code = first & (0x3F >> more);
  for (int i = 0; i < more && at + 1 < text.size(); ++i) {
    code = code << 6 | (static_cast<unsigned char>(text[++at]) & 0x3F);
  }
  return code;
}

// Text as roff reads it: hyphens that can be copied, nothing that begins a request, ASCII alone.
std::string roff(const std::string& text) {
  std::string escaped;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '.' || c == '\'') && (i == 0 || text[i - 1] == '\n')) {
      escaped += "\\&";
    }
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      escaped += fmt::format("\\[u{:04X}]", code_point(text, i));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string value_name(const CommandOption& option) {
  std::string name = option.name.substr(option.name.find_first_not_of('-'));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return c == '-' ? '_' : std::toupper(c);
  });
  return name;
}

std::string option_entry(const CommandOption& option) {
  std::string heading;
  for (const std::string& flag : option.flags) {
    heading += (heading.empty() ? "\\fB" : ", \\fB") + roff(flag) + "\\fR";
  }
  if (option.flags.empty()) {
    heading = "\\fI" + roff(option.name) + "\\fR";
  } else if (option.takes_value) {
    heading += " \\fI" + roff(value_name(option)) + "\\fR";
  }
  std::string text = ".TP\n" + heading + (option.several ? " ..." : "") + "\n";
  text += option.help.empty() ? "\\&" : roff(option.help);
  if (option.takes_value && !option.default_text.empty()) {
    text += " [" + roff(option.default_text) + "]";
  }
  return text + (option.required ? " (required)" : "") + "\n";
}

// Whether the command does something without a further word: `scenes` does, with `scenes convert`
// below it; `train` does not.
bool is_run_itself(const CommandTree& command) {
  return command.commands.empty() || !command.positionals.empty();
}

std::string synopsis(const CommandTree& command) {
  std::string text = ".B parallax " + roff(command.name) + "\n";
  text += "[\\fIOPTIONS\\fR]";
  for (const CommandOption& positional : command.positionals) {
    const std::string name =
        "\\fI" + roff(positional.name) + "\\fR" + (positional.several ? "..." : "");
    text += positional.required ? " " + name : " [" + name + "]";
  }
  return text + "\n";
}

std::string command_section(const CommandTree& command) {
  std::string text = ".SS " + roff(command.name) + "\n" + roff(command.help) + ".\n.PP\n";
  text += synopsis(command);
  for (const CommandOption& positional : command.positionals) {
    text += option_entry(positional);
  }
  for (const CommandOption& option : command.options) {
    text += option_entry(option);
  }
  if (!command.footer.empty()) {
    text += ".PP\n.nf\n" + roff(command.footer) + "\n.fi\n";
  }
  return text;
}

constexpr const char* kEnd = R"(.SH EXIT STATUS
.TP
0
Done.
.TP
1
Failed; one sentence on standard error says why.
.TP
2
Bad usage.
.TP
3
Done, but some of the items failed.
.SH ENVIRONMENT
.TP
.B PARALLAX_ASSETS
The folder of bundled models and scenes, in place of the one beside the program.
.TP
.B PARALLAX_KERNELS
Which implementation computes: reference, portable, avx2 or avx512. Default: the best that the processor has.
.TP
.B XDG_DATA_HOME
Models in its folder parallax/models are known by their names.
.TP
.BR XDG_CONFIG_HOME ", " XDG_CACHE_HOME
The window's layout, and images that were decoded once, lie in their folders parallax.
.SH FILES
.TP
.I ../share/parallax/assets
Bundled models and scenes, seen from the program's folder.
.TP
.I ../lib/parallax/libparallax_torch.so
The layer's operators for PyTorch 2.11: torch.ops.load_library.
)";

}  // namespace

std::string man_page(const CommandTree& program, const std::string& version) {
  const size_t line = program.help.find('\n');
  std::string text = fmt::format(
      ".\\\" Written by `parallax man`.\n.TH PARALLAX 1 \"\" \"parallax {}\" \"User commands\"\n"
      ".SH NAME\nparallax \\- test-time-training layers, recurrent and as linear attention\n"
      ".SH SYNOPSIS\n",
      version);
  for (const CommandTree* command : all_commands(program)) {
    if (is_run_itself(*command)) {
      text += synopsis(*command) + ".br\n";
    }
  }
  text += ".SH DESCRIPTION\n" +
          roff(line == std::string::npos ? program.help : program.help.substr(line + 1)) +
          "\nResults go to standard output and files, progress and notes to standard error.\n"
          ".SH OPTIONS\n";
  for (const CommandOption& option : program.options) {
    text += option_entry(option);
  }
  text += ".SH COMMANDS\n";
  for (const CommandTree* command : all_commands(program)) {
    if (is_run_itself(*command)) {
      text += command_section(*command);
    }
  }
  return text + kEnd;
}

}  // namespace parallax
