// The documentation against the program and the repository: commands run or at least name what
// exists, and so do paths and links.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/markdown_pages.h"
#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;

using Words = ShellWords;

const fs::path kRoot = PARALLAX_SOURCE_DIR;

const std::vector<MarkdownPage>& pages() {
  static const std::vector<MarkdownPage> all = [] {
    std::vector<MarkdownPage> found = {read_markdown(kRoot / "README.md")};
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / "docs")) {
      if (entry.path().extension() == ".md") {
        found.push_back(read_markdown(entry.path()));
      }
    }
    return found;
  }();
  return all;
}

std::string name_of(const MarkdownPage& page) { return fs::relative(page.path, kRoot).string(); }

// A word of these folders is a path of the repository.
const std::set<std::string> kFolders = {".ci",
                                        ".github",
                                        "apps",
                                        "assets",
                                        "cmake",
                                        "core",
                                        "docs",
                                        "scripts",
                                        "shaders",
                                        "tests",
                                        "vision"};

// Words of paths that the worked examples invent.
constexpr const char* kInvented[] = {"bundler", "flip", "gelu_bias"};

bool is_program(const std::string& word) {
  return word == "parallax" || word.ends_with("/parallax");
}

// The arguments of every `parallax …` in the code of the pages, also behind torchrun, with the page
// that each is on first.
std::map<Words, std::string> commands_of_pages() {
  std::map<Words, std::string> commands;
  for (const MarkdownPage& page : pages()) {
    for (const std::string& line : page.code) {
      for (const Words& words : shell_commands(line)) {
        const auto program = std::find_if(words.begin(), words.end(), is_program);
        if (program != words.end() && (program == words.begin() || words[0] == "torchrun")) {
          commands.emplace(Words(program + 1, words.end()), name_of(page));
        }
      }
    }
  }
  return commands;
}

std::string joined(const Words& words) {
  std::string text = "parallax";
  for (const std::string& word : words) {
    text += " " + word;
  }
  return text;
}

enum class Takes { kNothing, kOneValue, kValues };

struct Help {
  std::map<std::string, Takes> options;  // with their dashes
  std::set<std::string> subcommands;
  bool has_positionals = false;
};

Help parse_help(const std::string& text) {
  static const std::regex option_line("^  (-\\w,)?(--[a-z0-9-]+)( (?:TEXT|INT|FLOAT).*)?");
  static const std::regex many_values("^ (TEXT|INT|FLOAT)[^ ]* \\.\\.\\..*");
  static const std::regex subcommand_line("^  ([a-z]+)  .*");
  Help help;
  std::istringstream stream(text);
  bool in_subcommands = false;
  for (std::string line; std::getline(stream, line);) {
    std::smatch match;
    if (line.starts_with("Positionals:")) {
      help.has_positionals = true;
    } else if (line.starts_with("Subcommands:")) {
      in_subcommands = true;
    } else if (in_subcommands && std::regex_match(line, match, subcommand_line)) {
      help.subcommands.insert(match[1]);
    } else if (std::regex_search(line, match, option_line)) {
      const std::string value = match[3];
      const Takes takes = value.empty()                          ? Takes::kNothing
                          : std::regex_match(value, many_values) ? Takes::kValues
                                                                 : Takes::kOneValue;
      help.options[match[2]] = takes;
      if (match[1].matched) {
        help.options[match[1].str().substr(0, 2)] = takes;
      }
    }
  }
  return help;
}

const Help& help_of(const Words& subcommand) {
  static std::map<Words, Help> known;
  const auto found = known.find(subcommand);
  if (found != known.end()) {
    return found->second;
  }
  Words arguments = subcommand;
  arguments.emplace_back("--help");
  return known[subcommand] = parse_help(run_program(arguments).out);
}

// A command line taken apart by the program's own help.
struct Parsed {
  Words subcommand;
  std::map<std::string, Words> options;
  Words positionals;
  std::string unknown;  // the first name that does not exist; empty: all do

  int number(const std::string& option, int otherwise) const {
    const auto found = options.find(option);
    return found == options.end() ? otherwise : std::stoi(found->second.at(0));
  }
};

Parsed parse(const Words& words) {
  Parsed parsed;
  size_t i = 0;
  while (i < words.size() && !help_of(parsed.subcommand).subcommands.empty() &&
         !words[i].starts_with("-")) {
    if (!help_of(parsed.subcommand).subcommands.contains(words[i])) {
      if (help_of(parsed.subcommand).has_positionals) {
        break;
      }
      parsed.unknown = words[i];
      return parsed;
    }
    parsed.subcommand.push_back(words[i++]);
  }
  const Help& help = help_of(parsed.subcommand);
  Words* values = &parsed.positionals;
  Takes takes = Takes::kValues;
  for (; i < words.size(); ++i) {
    if (words[i].size() > 1 && words[i][0] == '-') {
      const auto option = help.options.find(words[i]);
      if (option == help.options.end()) {
        parsed.unknown = words[i];
        return parsed;
      }
      values = &parsed.options[words[i]];
      takes = option->second;
    } else {
      values->push_back(words[i]);
      takes = takes == Takes::kOneValue ? Takes::kNothing : takes;
    }
    if (takes == Takes::kNothing) {
      values = &parsed.positionals;
      takes = Takes::kValues;
    }
  }
  return parsed;
}

bool is_bundled_model(const std::string& name) {
  return fs::exists(kRoot / "assets" / "models" / (name + ".safetensors"));
}

// Whether a command takes seconds and reads only what the repository has, found from `folder`.
bool is_quick(const Parsed& command, const fs::path& folder) {
  const auto is_there = [&](const std::string& word) {
    return is_bundled_model(word) || fs::exists(folder / word);
  };
  for (const char* option : {"--model", "--init"}) {
    const auto models = command.options.find(option);
    if (models != command.options.end() &&
        !std::all_of(models->second.begin(), models->second.end(), is_there)) {
      return false;
    }
  }
  const std::string name = command.subcommand.empty() ? "" : command.subcommand[0];
  const bool has_inputs =
      std::all_of(command.positionals.begin(), command.positionals.end(), is_there);
  if (name == "info" || name == "render" || name == "classify") {
    return has_inputs;
  }
  if (name == "compare") {
    return has_inputs && command.options.contains("--model");
  }
  if (name == "scenes") {
    return command.subcommand.size() == 1 && !command.options.contains("--mesh") &&
           command.number("--count", 1) * command.number("--views", 32) <= 100;
  }
  return name == "train" && command.number("--steps", 1000) <= 10;
}

TEST(Docs, CommandsNameWhatTheProgramHas) {
  const auto commands = commands_of_pages();
  EXPECT_GT(commands.size(), 25U);  // else they are not found
  for (const auto& [words, page] : commands) {
    EXPECT_EQ(parse(words).unknown, "") << page << ": " << joined(words);
  }
}

TEST(Docs, QuickCommandsRun) {
  const ScratchFolder scratch;
  fs::create_directory_symlink(kRoot / "assets", scratch.path() / "assets");
  ProgramOptions options{.folder = scratch.path().string()};
  for (const char* variable : {"XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"}) {
    options.environment.emplace_back(variable, (scratch.path() / variable).string());
  }
  int runs = 0;
  for (const auto& [words, page] : commands_of_pages()) {
    const Parsed parsed = parse(words);
    if (parsed.unknown.empty() && is_quick(parsed, scratch.path())) {
      const ProgramResult result = run_program_with(words, options);
      EXPECT_EQ(result.exit_code, 0) << page << ": " << joined(words) << "\n" << result.err;
      ++runs;
    }
  }
  EXPECT_GT(runs, 6);  // else none is taken for quick
}

// The path of the repository that a word begins with, without punctuation; empty if none.
std::string repository_path(const std::string& word) {
  static const std::regex path_of_folders("^([.\\w-]+)(/[\\w./-]*)?$");
  std::smatch match;
  if (!std::regex_match(word, match, path_of_folders) || !kFolders.contains(match[1])) {
    return "";
  }
  for (const char* invented : kInvented) {
    if (word.find(invented) != std::string::npos) {
      return "";
    }
  }
  return match[2].matched ? word : "";
}

TEST(Docs, PathsExist) {
  static const std::regex inline_code("`([^` ]+)[^`]*`");
  int paths = 0;
  const auto check = [&](const MarkdownPage& page, const std::string& word) {
    const std::string path = repository_path(word);
    if (!path.empty()) {
      EXPECT_TRUE(fs::exists(kRoot / path)) << name_of(page) << " names " << path;
      ++paths;
    }
  };
  for (const MarkdownPage& page : pages()) {
    for (const std::string& line : page.prose) {
      for (std::sregex_iterator match(line.begin(), line.end(), inline_code), end; match != end;
           ++match) {
        check(page, (*match)[1]);
      }
    }
    for (const std::string& line : page.code) {
      for (const Words& words : shell_commands(line)) {
        std::for_each(words.begin(), words.end(), [&](const auto& word) { check(page, word); });
      }
    }
  }
  EXPECT_GT(paths, 100);
}

// Every identifier of the sources, targets of CMakeLists.txt among them.
std::set<std::string> identifiers_of_sources() {
  std::set<std::string> identifiers;
  for (const char* top : {"apps", "core", "vision", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
      const fs::path extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".h" && extension != ".cu" && extension != ".txt") {
        continue;
      }
      std::string word;
      for (const char c : read_bytes(entry.path()) + "\n") {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
          word += c;
        } else if (!word.empty()) {
          identifiers.insert(std::exchange(word, ""));
        }
      }
    }
  }
  return identifiers;
}

// Of the pages that explain the sources by their names.
TEST(Docs, NamesExistInTheSources) {
  static const std::regex inline_name("`(?:\\w+::)?([A-Za-z_]\\w*)`");
  const std::set<std::string> identifiers = identifiers_of_sources();
  int names = 0;
  for (const MarkdownPage& page : pages()) {
    const std::string file = page.path.filename().string();
    if (file != "architecture.md" && file != "glossary.md") {
      continue;
    }
    for (const std::string& line : page.prose) {
      for (std::sregex_iterator match(line.begin(), line.end(), inline_name), end; match != end;
           ++match) {
        EXPECT_TRUE(identifiers.contains((*match)[1])) << name_of(page) << ": " << (*match)[1];
        ++names;
      }
    }
  }
  EXPECT_GT(names, 80);
}

// The name that GitHub gives a heading for links.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char c : heading.substr(heading.find_first_not_of("# "))) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::isalnum(byte) != 0 || c == '-' || c == '_') {
      anchor += static_cast<char>(byte < 0x80 ? std::tolower(byte) : byte);
    } else if (c == ' ') {
      anchor += '-';
    }
  }
  return anchor;
}

bool has_anchor(const fs::path& path, const std::string& anchor) {
  const MarkdownPage page = read_markdown(path);
  return std::any_of(page.prose.begin(), page.prose.end(), [&](const std::string& line) {
    return line.starts_with("#") && anchor_of(line) == anchor;
  });
}

TEST(Docs, LinksResolve) {
  static const std::regex link("\\]\\(([^)#]*)#?([^)]*)\\)");
  int links = 0;
  for (const MarkdownPage& page : pages()) {
    for (const std::string& line : page.prose) {
      for (std::sregex_iterator match(line.begin(), line.end(), link), end; match != end; ++match) {
        const std::string target = (*match)[1];
        const std::string anchor = (*match)[2];
        if (target.find("://") != std::string::npos) {
          continue;
        }
        const fs::path path = target.empty() ? page.path : page.path.parent_path() / target;
        EXPECT_TRUE(fs::exists(path)) << name_of(page) << " links to " << target;
        EXPECT_TRUE(anchor.empty() || has_anchor(path, anchor))
            << name_of(page) << " links to " << target << "#" << anchor;
        ++links;
      }
    }
  }
  EXPECT_GT(links, 50);
}

}  // namespace
}  // namespace parallax::testing
