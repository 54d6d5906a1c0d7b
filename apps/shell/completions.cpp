// One function a shell. bash and fish find out which command the words before the cursor name, and
// which option, by themselves; zsh's _arguments does that.
#include "apps/shell/completions.h"

#include <fmt/ranges.h>

namespace parallax {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// A word in single quotes, as bash and zsh read it.
std::string quoted(const std::string& text) { return "'" + replaced(text, "'", "'\\''") + "'"; }

std::string fish_quoted(const std::string& text) {
  return "'" + replaced(replaced(text, "\\", "\\\\"), "'", "\\'") + "'";
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string words(const std::vector<std::string>& list) {
  return fmt::format("{}", fmt::join(list, " "));
}

// A case of bash's `command:option` that takes a value.
void bash_value(const CommandTree& command, const CommandOption& option, std::string& text) {
  std::vector<std::string> labels;
  for (const std::string& flag : option.flags) {
    labels.push_back(quoted(command.name + ":" + flag));
  }
  text += fmt::format("    {}) choices={} files={} several={} ;;\n",
                      fmt::join(labels, "|"),
                      quoted(words(option.choices)),
                      option.files ? 1 : 0,
                      option.several ? 1 : 0);
}

// What may stand where no option's value is expected: options, commands, positional arguments.
void bash_words(const CommandTree& command, std::string& text) {
  std::vector<std::string> options;
  for (const CommandOption& option : command.options) {
    options.insert(options.end(), option.flags.begin(), option.flags.end());
  }
  std::vector<std::string> plain;
  bool files = false;
  for (const CommandTree& below : command.commands) {
    plain.push_back(last_word(below));
  }
  for (const CommandOption& positional : command.positionals) {
    plain.insert(plain.end(), positional.choices.begin(), positional.choices.end());
    files = files || positional.files;
  }
  text += fmt::format("    {}) options={} plain={} plain_files={} ;;\n",
                      quoted(command.name),
                      quoted(words(options)),
                      quoted(words(plain)),
                      files ? 1 : 0);
}

constexpr const char* kBashBegin =
    R"(# bash completion of parallax; written by `parallax completion bash`.
_parallax_offer() {  # CURRENT CHOICES FILES
  COMPREPLY=()
  local word
  for word in $2; do
    [[ $word == "$1"* ]] && COMPREPLY+=("$word ")
  done
  if [[ $3 == 1 ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=("${COMPREPLY[@]% }")
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$1")
  else
    compopt -o nospace 2>/dev/null
  fi
}

_parallax() {
  local current=${COMP_WORDS[COMP_CWORD]} command='' option='' values=0 i word
  local options='' plain='' plain_files=0 choices='' files=0 several=0
  # The command, the last option before the cursor, and how many words came after that.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == = ]]; then
      continue
    elif [[ $word == -?* ]]; then
      option=$word values=0
    elif [[ -n $option ]]; then
      values=$((values + 1))
    else
      case "$command $word" in
)";

constexpr const char* kBashMiddle = R"(      esac
    fi
  done
  [[ $current == = ]] && current=''
  case "$command:$option" in
)";

constexpr const char* kBashWords = R"(    *) option='' ;;
  esac
  case "$command" in
)";

constexpr const char* kBashEnd = R"(  esac
  if [[ $current == -* ]]; then
    _parallax_offer "$current" "$options" 0
  elif [[ -n $option ]] && { [[ $values == 0 ]] || [[ $several == 1 ]]; }; then
    _parallax_offer "$current" "$choices" "$files"
  else
    _parallax_offer "$current" "$plain" "$plain_files"
  fi
}
complete -F _parallax parallax
)";

// `[help]` of zsh's _arguments and the like: brackets and colons mean something there.
std::string zsh_help(const std::string& help) {
  std::string text = first_line(help);
  for (const char* special : {"\\", "[", "]", ":", "`", "$"}) {
    text = replaced(text, special, std::string("\\") + special);
  }
  return text;
}

std::string zsh_action(const CommandOption& option) {
  const std::string list = "(" + words(option.choices) + ")";
  if (option.files) {
    return option.choices.empty() ? "_files" : "_parallax_or_files " + words(option.choices);
  }
  return option.choices.empty() ? " " : list;
}

std::string zsh_option(const CommandOption& option) {
  const std::string value =
      option.takes_value ? fmt::format(":{}:{}", replaced(option.name, "-", ""), zsh_action(option))
                         : "";
  std::string text;
  for (const std::string& flag : option.flags) {
    const std::string others =
        option.several ? "*" : "(" + words(option.flags) + ")";  // not again, by any of its names
    text += fmt::format("    {} \\\n",
                        quoted(others + flag + "[" + zsh_help(option.help) + "]" + value));
  }
  return text;
}

std::string zsh_function_name(const CommandTree& command) {
  return "_parallax" + (command.name.empty() ? "" : "_" + replaced(command.name, " ", "_"));
}

// _arguments with the command's options and what follows them.
std::string zsh_arguments(const CommandTree& command) {
  std::string text = "  _arguments \\\n";
  for (const CommandOption& option : command.options) {
    text += zsh_option(option);
  }
  for (const CommandOption& positional : command.positionals) {
    text += fmt::format(
        "    {} \\\n",
        quoted(fmt::format(
            "{}:{}:{}", positional.several ? "*" : "", positional.name, zsh_action(positional))));
  }
  return text + "    && return 0\n";
}

std::string zsh_function(const CommandTree& command) {
  std::string text = zsh_function_name(command) + "() {\n";
  if (command.commands.empty()) {
    return text + zsh_arguments(command) + "}\n\n";
  }
  text += "  local curcontext=$curcontext state line\n  local -a commands\n  commands=(\n";
  for (const CommandTree& below : command.commands) {
    text += fmt::format("    {}\n", quoted(last_word(below) + ":" + first_line(below.help)));
  }
  text += "  )\n";
  if (!command.positionals.empty()) {  // another first word than those is an argument
    text += "  if (( CURRENT > 2 )) && [[ -z ${commands[(r)${words[2]}:*]} ]]; then\n" +
            zsh_arguments(command) + "  return\n  fi\n";
  }
  text += "  _arguments -C \\\n";
  for (const CommandOption& option : command.options) {
    text += zsh_option(option);
  }
  text += fmt::format(
      "    '1: :->command' '*:: :->arguments'\n  case $state in\n    command) _describe command "
      "commands{} ;;\n    arguments)\n      case $line[1] in\n",
      command.positionals.empty() ? "" : "; _files");
  for (const CommandTree& below : command.commands) {
    text += fmt::format("        {}) {} ;;\n", last_word(below), zsh_function_name(below));
  }
  return text + "      esac ;;\n  esac\n}\n\n";
}

std::string fish_option(const CommandTree& command, const CommandOption& option) {
  std::string text = fmt::format("complete -c parallax -n '__parallax_is \"{}\"'", command.name);
  for (const std::string& flag : option.flags) {
    text += flag.rfind("--", 0) == 0 ? " -l " + flag.substr(2) : " -s " + flag.substr(1);
  }
  if (option.takes_value && !option.flags.empty()) {
    text += option.files ? " -r -F" : " -x";
  } else if (option.takes_value && option.files) {
    text += " -F";
  }
  if (!option.choices.empty()) {
    text += " -a " + fish_quoted(words(option.choices));
  }
  return text + " -d " + fish_quoted(first_line(option.help)) + "\n";
}

}  // namespace

std::string bash_completion(const CommandTree& program) {
  const auto commands = all_commands(program);
  std::string text = kBashBegin;
  for (const CommandTree* command : commands) {
    if (!command->name.empty()) {
      const size_t space = command->name.rfind(' ');
      const std::string above = space == std::string::npos ? "" : command->name.substr(0, space);
      text += fmt::format("        {}) command={} ;;\n",
                          quoted(above + " " + last_word(*command)),
                          quoted(command->name));
    }
  }
  text += kBashMiddle;
  for (const CommandTree* command : commands) {
    for (const CommandOption& option : command->options) {
      if (option.takes_value) {
        bash_value(*command, option, text);
      }
    }
  }
  text += kBashWords;
  for (const CommandTree* command : commands) {
    bash_words(*command, text);
  }
  return text + kBashEnd;
}

std::string zsh_completion(const CommandTree& program) {
  std::string text =
      "#compdef parallax\n# zsh completion of parallax; written by `parallax completion zsh`.\n\n"
      "_parallax_or_files() {\n  compadd -- \"$@\"\n  _files\n}\n\n";
  for (const CommandTree* command : all_commands(program)) {
    text += zsh_function(*command);
  }
  return text +
         "if [[ $funcstack[1] == _parallax ]]; then\n  _parallax \"$@\"\nelse\n"
         "  compdef _parallax parallax\nfi\n";
}

std::string fish_completion(const CommandTree& program) {
  std::string text =
      "# fish completion of parallax; written by `parallax completion fish`.\n"
      "# Whether the words before the cursor name this command.\n"
      "function __parallax_is\n"
      "    set -l command\n"
      "    for word in (commandline -opc)[2..-1]\n"
      "        switch \"$command $word\"\n";
  for (const CommandTree* command : all_commands(program)) {
    if (!command->name.empty()) {
      const size_t space = command->name.rfind(' ');
      text += fmt::format(
          "            case {}\n                set command {}\n",
          fish_quoted((space == std::string::npos ? "" : command->name.substr(0, space)) + " " +
                      last_word(*command)),
          fish_quoted(command->name));
    }
  }
  text +=
      "        end\n    end\n    test \"$command\" = \"$argv[1]\"\nend\n\n"
      "complete -c parallax -f\n";
  for (const CommandTree* command : all_commands(program)) {
    for (const CommandTree& below : command->commands) {
      text += fmt::format("complete -c parallax -n '__parallax_is \"{}\"' -a {} -d {}\n",
                          command->name,
                          last_word(below),
                          fish_quoted(first_line(below.help)));
    }
    for (const CommandOption& option : command->options) {
      text += fish_option(*command, option);
    }
    for (const CommandOption& positional : command->positionals) {
      text += fish_option(*command, positional);
    }
  }
  return text;
}

}  // namespace parallax
