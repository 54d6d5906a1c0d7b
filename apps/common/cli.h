// The bridge between options structs and the command line: every option is declared once, in its
// struct's `visit`, and CLI11 gets to know it here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/options.h"

// CLI11's headers take seconds to compile: one source knows them, and the program's entry.
namespace CLI {  // NOLINT(readability-identifier-naming): the library's own
class App;
}  // namespace CLI

namespace parallax {

// Exit codes that scripts rely on.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitSomeFailed = 3;
// SIGTERM or SIGINT came: what is done is saved, and the same command goes on with --resume. The
// number is sysexits.h's EX_TEMPFAIL.
inline constexpr int kExitStopped = 75;

// The options of every subcommand.
struct CommonOptions {
  static constexpr const char* kHelpGroup = "General";

  int threads = 0;
  bool quiet = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("threads", self.threads, "CPU threads; 0: all cores", OptionRange{0, 1024});
    visitor("quiet", self.quiet, "print nothing but results and errors");
  }
};

inline constexpr const char* kCheckpointKeyHelp =
    "where in a checkpoint the weights are, such as model_ema or state_dict.net (default: where "
    "they fit, averaged ones before others)";

// "--snake-case"; "-o,--output" for "output".
std::string flag_name(const std::string& snake);

namespace cli_detail {

// One option of a type that options structs have, under its flag's name.
void add_option(CLI::App& app,
                const std::string& flag,
                bool& value,
                const std::string& help,
                const OptionRange& range);
void add_option(CLI::App& app,
                const std::string& flag,
                int& value,
                const std::string& help,
                const OptionRange& range);
void add_option(CLI::App& app,
                const std::string& flag,
                int64_t& value,
                const std::string& help,
                const OptionRange& range);
void add_option(CLI::App& app,
                const std::string& flag,
                double& value,
                const std::string& help,
                const OptionRange& range);
void add_option(CLI::App& app,
                const std::string& flag,
                std::string& value,
                const std::string& help,
                const OptionRange& range);
void add_option(CLI::App& app,
                const std::string& flag,
                std::vector<int>& value,
                const std::string& help,
                const OptionRange& range);
void add_option(CLI::App& app,
                const std::string& flag,
                std::vector<std::string>& value,
                const std::string& help,
                const OptionRange& range);

void set_group(CLI::App& app, const std::string& flag, const char* group);

}  // namespace cli_detail

// The heading of an options struct in `--help`: its own, else the one for a command's own options.
template <class Options>
constexpr const char* help_group() {
  if constexpr (requires { Options::kHelpGroup; }) {
    return Options::kHelpGroup;
  } else {
    return "Options";
  }
}

// Adds every option of `options` to the subcommand: member names in kebab-case, help, default,
// range. Booleans become flags. `group` is the heading above them in `--help`.
template <class Options>
void add_options(CLI::App& app, Options& options, const char* group = help_group<Options>()) {
  Options::visit(
      options,
      [&](const char* name, auto& value, const std::string& help, const OptionRange& range = {}) {
        cli_detail::add_option(app, flag_name(name), value, help, range);
        cli_detail::set_group(app, flag_name(name), group);
      });
}

// Says in `--help` what an option's default is in a special case: "with --scene: 1500".
void note_default(CLI::App& app, const std::string& flag, const std::string& text);

// The same for all options whose default in `special` differs from that in `usual`.
template <class Options>
void note_defaults(CLI::App& app,
                   const Options& usual,
                   const Options& special,
                   const std::string& special_case) {
  const nlohmann::json before = options_to_json(usual);
  const nlohmann::json after = options_to_json(special);
  for (const auto& item : after.items()) {
    if (item.value() != before.at(item.key())) {
      note_default(app, flag_name(item.key()), special_case + ": " + item.value().dump());
    }
  }
}

// A subcommand of `parent` with what `--help` says of it and, below its options, `examples`.
CLI::App* add_subcommand(CLI::App& parent,
                         const std::string& name,
                         const std::string& description,
                         const std::string& examples);

// What follows the options without a name.
enum class Presence { kOptional, kRequired };
void add_positional(CLI::App& app,
                    const std::string& name,
                    std::string& value,
                    const std::string& help,
                    Presence presence);
void add_positional(CLI::App& app,
                    const std::string& name,
                    std::vector<std::string>& values,
                    const std::string& help,
                    Presence presence);

void require_option(CLI::App& app, const std::string& flag);

// Whether the user named the option on the command line.
bool is_given(const CLI::App& app, const std::string& flag);

// What a subcommand does. Returns the exit code. Throws Error.
using CommandRun = std::function<int()>;

// A subcommand and the function that runs it if the user named it.
class Command {
 public:
  // One that computes. It runs in `parallax-compute`: the sources are compiled for `parallax`, too,
  // with PARALLAX_OPTIONS_ONLY, and what `run` needs is then never compiled nor linked.
  template <class Run>
  Command(CLI::App* app, Run run) : app(app) {
#ifdef PARALLAX_OPTIONS_ONLY
    kept_ = std::make_shared<Run>(std::move(run));
#else
    this->run = std::move(run);
#endif
  }
  // One that needs no LibTorch and no images, and runs in `parallax` itself.
  static Command light(CLI::App* app, CommandRun run) { return {app, std::move(run), 0}; }

  CLI::App* app;
  CommandRun run;  // empty: left to `parallax-compute`

 private:
  Command(CLI::App* app, CommandRun run, int) : app(app), run(std::move(run)) {}

  std::shared_ptr<void> kept_;  // in place of `run`, which holds what the parser writes to
};

// Runs it. An error becomes a message on stderr and its exit code.
int run_reporting_errors(const CommandRun& run);

// Prints "parallax: MESSAGE" on stderr; returns `code`.
int report_error(const std::string& message, int code);

Command add_bench_classify_command(CLI::App& bench);
Command add_bench_layer_command(CLI::App& bench);
Command add_bench_render_command(CLI::App& bench);
Command add_render_command(CLI::App& program);
Command add_classify_command(CLI::App& program);
Command add_compare_command(CLI::App& program);
Command add_completion_command(CLI::App& program);
Command add_help_command(CLI::App& program);
Command add_info_command(CLI::App& program);
Command add_lab_command(CLI::App& program);
std::vector<Command> add_models_commands(CLI::App& program);
Command add_man_command(CLI::App& program, const std::string& version);
Command add_scenes_command(CLI::App& program);
Command add_scenes_convert_command(CLI::App& scenes);
Command add_scenes_from_photos_command(CLI::App& scenes);
Command add_train_classify_command(CLI::App& train);
Command add_train_nvs_command(CLI::App& train);
Command add_variants_command(CLI::App& program);
Command add_version_command(CLI::App& program, const std::function<std::string()>& version);
Command add_view_command(CLI::App& program);

// Prints what `parallax info` says of each file.
void print_info(const std::vector<std::string>& paths);

// All of these, below `program`, which must outlive what is returned.
std::vector<Command> add_all_commands(CLI::App& program);

}  // namespace parallax
