// Connects option structs with the command line: every option is declared once, in its struct's
// `visit`, which add_options walks for CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "core/base/options.h"

namespace parallax {

// Exit codes that scripts rely on.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitSomeFailed = 3;

// The options of every subcommand.
struct CommonOptions {
  int threads = 0;
  bool quiet = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("threads", self.threads, "CPU threads; 0: all cores", OptionRange{0, 1024});
    visitor("quiet", self.quiet, "print nothing but results and errors");
  }
};

namespace cli_detail {

inline std::string flag_name(const std::string& snake) {
  std::string kebab = "--" + snake;
  for (char& c : kebab) {
    c = c == '_' ? '-' : c;
  }
  return kebab == "--output" ? "-o,--output" : kebab;
}

}  // namespace cli_detail

// Adds every option of `options` to the subcommand: member names in kebab-case, help, default,
// range. Booleans become flags.
template <class Options>
void add_options(CLI::App& app, Options& options) {
  Options::visit(
      options,
      [&](const char* name, auto& value, const std::string& help, const OptionRange& range = {}) {
        using T = std::decay_t<decltype(value)>;
        const std::string flag = cli_detail::flag_name(name);
        if constexpr (std::is_same_v<T, bool>) {
          app.add_flag(flag, value, help);
        } else {
          CLI::Option* option = app.add_option(flag, value, help);
          if constexpr (std::is_arithmetic_v<T>) {
            if (range.min > -1e300 && range.max < 1e300) {
              option->check(CLI::Range(static_cast<T>(range.min), static_cast<T>(range.max)));
            }
            option->capture_default_str();
          } else if constexpr (std::is_same_v<T, std::string>) {
            if (!value.empty()) {
              option->capture_default_str();
            }
          } else if constexpr (std::is_same_v<T, std::vector<int>>) {
            option->delimiter(',')->capture_default_str();
          }
        }
      });
}

// Runs a subcommand and returns the exit code.
using CommandRun = std::function<int()>;
// A subcommand and the function that runs it.
struct Command {
  CLI::App* app = nullptr;
  CommandRun run;
};

Command add_bench_classify_command(CLI::App& bench);
Command add_bench_layer_command(CLI::App& bench);
Command add_bench_render_command(CLI::App& bench);
Command add_render_command(CLI::App& program);
Command add_classify_command(CLI::App& program);
Command add_compare_command(CLI::App& program);
Command add_completion_command(CLI::App& program);
Command add_info_command(CLI::App& program);
Command add_man_command(CLI::App& program, const std::string& version);
Command add_scenes_command(CLI::App& program);
Command add_train_classify_command(CLI::App& train);
Command add_train_nvs_command(CLI::App& train);
Command add_view_command(CLI::App& program);

// All of these, below `program`, which must outlive what is returned.
std::vector<Command> add_all_commands(CLI::App& program);

}  // namespace parallax
