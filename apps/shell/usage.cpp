// The parser says that something is left over; which word that is, the command line tells.
#include "apps/shell/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr size_t kShortestBeginning = 3;  // of a name that is taken for cut off

// Damerau–Levenshtein distance without repeated edits of a part (optimal string alignment).
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

bool is_long_option(const std::string& word) { return word.size() > 2 && word.starts_with("--"); }

// "-x", but neither "-" nor "-1".
bool is_short_option(const std::string& word) {
  return word.size() > 1 && word[0] == '-' && word[1] != '-' &&
         std::isdigit(static_cast<unsigned char>(word[1])) == 0;
}

// "--size" of "--size=64x64", "-o" of "-oFOLDER".
std::string option_name(const std::string& word) {
  return is_short_option(word) ? word.substr(0, 2) : word.substr(0, word.find('='));
}

bool is_option(const std::string& word) { return is_long_option(word) || is_short_option(word); }

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

const CLI::App* command_below(const CLI::App& app, const std::string& name) {
  const auto found =
      app.get_subcommands([&](const CLI::App* below) { return below->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

bool takes_plain_words(const CLI::App& app) {
  const auto options = app.get_options();
  return std::any_of(options.begin(), options.end(), [](const CLI::Option* option) {
    return option->get_positional();
  });
}

// The command that a command line names, and what is the first wrong name on it, if any.
struct Reading {
  const CLI::App* app = nullptr;
  std::string unknown;
};

Reading read_names(const CLI::App& program, const std::vector<std::string>& words) {
  Reading reading{.app = &program};
  for (const std::string& word : words) {
    if (word == "--") {
      break;
    }
    if (is_option(word)) {
      if (reading.app->get_option_no_throw(option_name(word)) == nullptr) {
        reading.unknown = word;
        return reading;
      }
    } else if (const CLI::App* below = command_below(*reading.app, word)) {
      reading.app = below;
    } else if (!command_names(*reading.app).empty() && !takes_plain_words(*reading.app)) {
      reading.unknown = word;
      return reading;
    }
  }
  return reading;
}

std::string unknown_name(const CLI::App& app, const std::string& word) {
  if (!is_option(word)) {
    return fmt::format("{}there is no command '{}'{}",
                       error_place(app),
                       word,
                       suggestion(word, command_names(app)));
  }
  const std::string name = option_name(word);
  return fmt::format("{}there is no option {}{}",
                     error_place(app),
                     name,
                     is_long_option(word) ? suggestion(name, option_names(app)) : "");
}

}  // namespace

std::string nearest_name(const std::string& word, const std::vector<std::string>& names) {
  const size_t farthest = 1 + word.size() / 4;
  size_t best = farthest + 1;
  std::string nearest;
  for (const std::string& name : names) {
    const bool begins = word.size() >= kShortestBeginning && name.starts_with(word);
    const size_t distance = begins ? 1 : edit_distance(word, name);
    if (distance < best && distance < word.size()) {
      best = distance;
      nearest = name;
    }
  }
  return nearest;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& names) {
  const std::string nearest = nearest_name(word, names);
  return nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* below : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(below->get_name());
  }
  return names;
}

const CLI::App* command_without_choice(const CLI::App& program,
                                       const std::vector<std::string>& words) {
  const Reading reading = read_names(program, words);
  const bool must_choose = !command_names(*reading.app).empty() && !takes_plain_words(*reading.app);
  return reading.unknown.empty() && must_choose ? reading.app : nullptr;
}

std::string whole_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name()
                                     : whole_name(*app.get_parent()) + " " + app.get_name();
}

std::string error_place(const CLI::App& app) {
  const std::string name = whole_name(app);
  const size_t space = name.find(' ');  // behind the program's name
  return space == std::string::npos ? "" : name.substr(space + 1) + ": ";
}

std::string explain_usage(const CLI::App& program,
                          const std::vector<std::string>& words,
                          const CLI::ParseError& error) {
  const Reading reading = read_names(program, words);
  const std::string help =
      fmt::format("`{} --help` lists what there is.", whole_name(*reading.app));
  if (!reading.unknown.empty()) {
    const std::string text = unknown_name(*reading.app, reading.unknown);
    return text + (text.ends_with("?") ? " " : ". ") + help;
  }
  std::string what = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const std::vector<std::string> left = program.remaining(true);
    const auto first = std::find_if(words.begin(), words.end(), [&](const std::string& word) {
      return std::find(left.begin(), left.end(), word) != left.end();
    });
    what = fmt::format("there is no use for '{}'", first == words.end() ? what : *first);
  } else if (what.ends_with("missing")) {
    what = what.substr(0, what.find(": ")) + ": a value is missing";
  }
  return fmt::format("{}{}. {}", error_place(*reading.app), what, help);
}

}  // namespace parallax
