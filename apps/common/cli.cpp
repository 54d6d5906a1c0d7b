// Options, positional arguments and subcommands as CLI11 has them.
#include "apps/common/cli.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <new>

namespace parallax {
namespace {

constexpr double kWideRange = 1e6;  // a bound from here on is not worth saying

// "0 to 1024", "at least 1", or nothing: that a count is not negative goes without saying.
std::string range_text(const OptionRange& range) {
  if (std::abs(range.max) < kWideRange) {
    return fmt::format("{} to {}", range.min, range.max);
  }
  return range.min > 0 && range.min < kWideRange ? fmt::format("at least {}", range.min) : "";
}

// A validator that says what is expected, and nothing in the option's type as --help shows it.
template <class T>
CLI::Validator number_in(const OptionRange& range) {
  return {[range](std::string& text) {
            T value{};
            const bool is_number = CLI::detail::lexical_cast(text, value);
            if (is_number && static_cast<double>(value) >= range.min &&
                static_cast<double>(value) <= range.max) {
              return std::string();
            }
            const std::string kind = std::is_integral_v<T> ? "a whole number" : "a number";
            const std::string limits = std::isfinite(range.min) && std::isfinite(range.max)
                                           ? fmt::format(" from {} to {}", range.min, range.max)
                                           : "";
            return fmt::format(
                "the value is not usable (expected {}{}, got '{}')", kind, limits, text);
          },
          ""};
}

template <class T>
CLI::Option* add_number(CLI::App& app,
                        const std::string& flag,
                        T& value,
                        const std::string& help,
                        const OptionRange& range) {
  const std::string limits = range_text(range);
  CLI::Option* option =
      app.add_option(flag, value, limits.empty() ? help : fmt::format("{} ({})", help, limits));
  option->check(number_in<T>(range))->default_str(fmt::format("{}", value));
  return option;
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
  // CLI11 2.1.2 writes a vector by an operator<< if the source file has seen one, and LibTorch 2.11
  // brings one: "8192" with it, "[8192]" without.
  app.add_option(flag, value, help)
      ->delimiter(',')
      ->default_str(fmt::format("{}", fmt::join(value, " ")));
}

void add_option(CLI::App& app,
                const std::string& flag,
                std::vector<std::string>& value,
                const std::string& help,
                const OptionRange& /*range*/) {
  app.add_option(flag, value, help);
}

void set_group(CLI::App& app, const std::string& flag, const char* group) {
  app.get_option(flag.substr(flag.rfind(',') + 1))->group(group);
}

}  // namespace cli_detail

void note_default(CLI::App& app, const std::string& flag, const std::string& text) {
  CLI::Option* option = app.get_option(flag.substr(flag.rfind(',') + 1));
  const std::string usual = option->get_default_str();
  option->default_str(usual.empty() ? text : usual + "; " + text);
}

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

int report_error(const std::string& message, int code) {
  fmt::print(stderr, "parallax: {}\n", message);
  return code;
}

int run_reporting_errors(const CommandRun& run) {
  try {
    return run();
  } catch (const UsageError& error) {
    return report_error(error.what(), kExitUsage);
  } catch (const std::bad_alloc&) {
    return report_error("out of memory. Use a smaller --size or fewer views.", kExitFailed);
  } catch (const std::exception& error) {
    return report_error(error.what(), kExitFailed);
  }
}

}  // namespace parallax
