// Also `parallax help` and `parallax version`, as other programs have them.
#include "apps/shell/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "apps/common/cli.h"
#include "apps/shell/usage.h"
#include "core/base/error.h"

namespace parallax {
namespace {

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(34); }

  std::string make_help(const CLI::App* app,
                        std::string name,
                        CLI::AppFormatMode mode) const override {
    // One empty line between groups, where the library puts two.
    return CLI::detail::find_and_replace(
        CLI::Formatter::make_help(app, std::move(name), mode), "\n\n\n", "\n\n");
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_items_expected_max() == 0) {
      return "";
    }
    const bool several = option->get_items_expected_max() > 1;
    return " " + option->get_type_name() + (several ? " ..." : "");
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string usual =
        option->get_items_expected_max() > 0 ? option->get_default_str() : std::string();
    return option->get_description() + (usual.empty() ? "" : " [" + usual + "]") +
           (option->get_required() ? " (required)" : "");
  }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

std::string help_text(const CLI::App& command) {
  // App::help would go on to the command that was parsed, such as `help` itself.
  return command.get_formatter()->make_help(
      &command, whole_name(command), CLI::AppFormatMode::Normal);
}

Command add_help_command(CLI::App& program) {
  auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* app =
      program.add_subcommand("help", "Say what a command does and which options it has");
  app->add_option("COMMAND", *words, "the command; none: list the commands");
  app->footer("Example:\n  parallax help train nvs");
  return Command::light(app, [&program, words] {
    const CLI::App* command = &program;
    for (const std::string& word : *words) {
      const auto names = command_names(*command);
      if (std::find(names.begin(), names.end(), word) == names.end()) {
        throw UsageError(fmt::format(
            "{}there is no command '{}'{}", error_place(*command), word, suggestion(word, names)));
      }
      command = command->get_subcommand(word);
    }
    fmt::print("{}", help_text(*command));
    return kExitDone;
  });
}

Command add_version_command(CLI::App& program, const std::function<std::string()>& version) {
  CLI::App* app = program.add_subcommand("version", "Say what this program was built from");
  return Command::light(app, [version] {
    fmt::print("{}", version());
    return kExitDone;
  });
}

}  // namespace parallax
