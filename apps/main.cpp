// The entry of `parallax`: reads the command line, answers what needs no LibTorch, and leaves the
// rest to `parallax-compute`.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "apps/common/cli.h"
#include "apps/shell/help.h"
#include "apps/shell/usage.h"
#include "core/base/error.h"
#include "core/base/paths.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// Where `parallax-compute` is: beside the program that was built, apart from one that is installed.
fs::path find_compute() {
  const fs::path folder = program_folder();
  const fs::path installed = folder.parent_path() / "lib" / "parallax" / "parallax-compute";
  return fs::exists(installed) ? installed : folder / "parallax-compute";
}

// Becomes `parallax-compute`, with the same arguments.
int hand_over(char** argv) {
  // OpenMP's threads spin for milliseconds while they wait for each other. On a busy machine each
  // matrix product then waits for time slices: next to a running compiler, reading the demo's scene
  // took 1 to 5 s instead of 50 ms. Spinning for a few microseconds is as fast on an idle machine:
  // classify of 2,000 images takes 1.64 s at 2,000 as at 10,000, 1.77 at 1,000, 3.1 at 0, and
  // beside a busy process 5.0, 9.6, 3.8, 2.3 (medians of 3, two cores). The runtime reads this
  // setting when it is loaded.
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) {
    setenv("GOMP_SPINCOUNT", "2000", 0);
  }
  setenv("TORCH_CPP_LOG_LEVEL", "ERROR", 0);  // LibTorch's own remarks help no user
  const fs::path compute = find_compute();
  execv(compute.c_str(), argv);
  throw Error(ErrorParts{.what = "the part of the program that computes cannot be run",
                         .where = compute.string(),
                         .remedy = "Install or build it again."});
}

int run(int argc, char** argv) {
  CLI::App program;
  const std::vector<Command> commands = add_all_commands(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::CallForVersion& version) {
    fmt::print("{}", version.what());
    return kExitDone;
  } catch (const CLI::Success& help) {
    program.exit(help);
    return kExitDone;
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (const CLI::App* command = command_without_choice(program, words)) {
      fmt::print(stderr, "{}", help_text(*command));
      return kExitUsage;
    }
    return report_error(explain_usage(program, words, error), kExitUsage);
  } catch (const Error& error) {  // a setting of the environment that `--version` looks at
    return report_error(error.what(), kExitUsage);
  }
  for (const Command& command : commands) {
    if (command.app->parsed() && command.run) {
      return run_reporting_errors(command.run);
    }
  }
  return run_reporting_errors([&] { return hand_over(argv); });
}

}  // namespace
}  // namespace parallax

int main(int argc, char** argv) { return parallax::run(argc, argv); }
