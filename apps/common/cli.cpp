// Options, positional arguments and subcommands as CLI11 has them.
#include "apps/common/cli.h"

#include <CLI/CLI.hpp>

namespace parallax {
namespace {

template <class T>
CLI::Option* add_number(CLI::App& app,
                        const std::string& flag,
                        T& value,
                        const std::string& help,
                        const OptionRange& range) {
  CLI::Option* option = app.add_option(flag, value, help);
  if (range.min > -1e300 && range.max < 1e300) {
    option->check(CLI::Range(static_cast<T>(range.min), static_cast<T>(range.max)));
  }
  return option->capture_default_str();
}

template <class T>
void add_nameless(CLI::App& app,
                  const std::string& name,
                  T& value,
                  const std::string& help,
                  Presence presence) {
  app.add_option(name, value, help)->required(presence == Presence::kRequired);
}

}  // namespace

std::string flag_name(const std::string& snake) {
  std::string kebab = "--" + snake;
  for (char& c : kebab) {
    c = c == '_' ? '-' : c;
  }
  return kebab == "--output" ? "-o,--output" : kebab;
}

namespace cli_detail {

void add_option(CLI::App& app,
                const std::string& flag,
                bool& value,
                const std::string& help,
                const OptionRange& /*range*/) {
  app.add_flag(flag, value, help);
}

void add_option(CLI::App& app,
                const std::string& flag,
                int& value,
                const std::string& help,
                const OptionRange& range) {
  add_number(app, flag, value, help, range);
}

void add_option(CLI::App& app,
                const std::string& flag,
                int64_t& value,
                const std::string& help,
                const OptionRange& range) {
  add_number(app, flag, value, help, range);
}

void add_option(CLI::App& app,
                const std::string& flag,
                double& value,
                const std::string& help,
                const OptionRange& range) {
  add_number(app, flag, value, help, range);
}

void add_option(CLI::App& app,
                const std::string& flag,
                std::string& value,
                const std::string& help,
                const OptionRange& /*range*/) {
  CLI::Option* option = app.add_option(flag, value, help);
  if (!value.empty()) {
    option->capture_default_str();
  }
}

void add_option(CLI::App& app,
                const std::string& flag,
                std::vector<int>& value,
                const std::string& help,
                const OptionRange& /*range*/) {
  app.add_option(flag, value, help)->delimiter(',')->capture_default_str();
}

void add_option(CLI::App& app,
                const std::string& flag,
                std::vector<std::string>& value,
                const std::string& help,
                const OptionRange& /*range*/) {
  app.add_option(flag, value, help);
}

}  // namespace cli_detail

CLI::App* add_subcommand(CLI::App& parent,
                         const std::string& name,
                         const std::string& description,
                         const std::string& examples) {
  CLI::App* app = parent.add_subcommand(name, description);
  app->footer(examples);
  return app;
}

void add_positional(CLI::App& app,
                    const std::string& name,
                    std::string& value,
                    const std::string& help,
                    Presence presence) {
  add_nameless(app, name, value, help, presence);
}

void add_positional(CLI::App& app,
                    const std::string& name,
                    std::vector<std::string>& values,
                    const std::string& help,
                    Presence presence) {
  add_nameless(app, name, values, help, presence);
}

void require_option(CLI::App& app, const std::string& flag) { app.get_option(flag)->required(); }

bool is_given(const CLI::App& app, const std::string& flag) {
  const CLI::Option* found = app.get_option_no_throw(flag.substr(flag.rfind(',') + 1));
  return found != nullptr && found->count() > 0;
}

}  // namespace parallax
