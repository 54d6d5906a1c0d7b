// The program's entry: subcommands, and the one place where an error becomes a message on stderr
// and an exit code.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "apps/common/cli.h"
#include "apps/shell/help.h"
#include "apps/shell/usage.h"
#include "core/base/error.h"
#include "core/base/torch.h"

namespace parallax {
namespace {

int report(const std::string& message, int code) {
  fmt::print(stderr, "parallax: {}\n", message);
  return code;
}

// OpenMP's threads spin for milliseconds while they wait for each other. On a busy machine each
// matrix product then waits for time slices: next to a running compiler, reading the demo's scene
// took 1 to 5 s instead of 50 ms. Spinning for a few microseconds is as fast on an idle machine.
// The runtime reads this setting when it is loaded, before `main`, so the program restarts itself
// with the setting in its environment.
void restart_with_short_spinning(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") == nullptr && std::getenv("GOMP_SPINCOUNT") == nullptr) {
    setenv("GOMP_SPINCOUNT", "10000", 1);
    setenv("TORCH_CPP_LOG_LEVEL", "ERROR", 0);  // LibTorch's own remarks help no user
    execv("/proc/self/exe", argv);              // if that fails, the threads keep spinning
  }
}

// Tensors of many megabytes come and go in every step. By default the C library returns their
// memory to the system each time: a tenth of a training step, and half of a layer's pass over
// 65,536 tokens, is then spent on fetching it again. Memory that is kept may become fragmented: a
// process that worked at many large sizes held 2.4 times as much.
void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);  // all from the heap
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
}

int run_command(const std::vector<Command>& commands) {
  for (const Command& command : commands) {
    if (command.app->parsed()) {
      try {
        return command.run();
      } catch (const UsageError& error) {
        return report(error.what(), kExitUsage);
      } catch (const Error& error) {
        return report(error.what(), kExitFailed);
      } catch (const c10::OutOfMemoryError&) {
        return report("the device's memory is full. Use a smaller --size or fewer views.",
                      kExitFailed);
      } catch (const c10::Error& error) {
        return report(std::string("a tensor operation failed: ") + error.what_without_backtrace(),
                      kExitFailed);
      } catch (const std::bad_alloc&) {
        return report("out of memory. Use a smaller --size or fewer views.", kExitFailed);
      } catch (const std::exception& error) {
        return report(error.what(), kExitFailed);
      }
    }
  }
  return kExitUsage;
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
    return report(explain_usage(program, words, error), kExitUsage);
  } catch (const Error& error) {  // a setting of the environment that `--version` looks at
    return report(error.what(), kExitUsage);
  }
  restart_with_short_spinning(argv);
  keep_freed_memory();
  return run_command(commands);
}

}  // namespace
}  // namespace parallax

int main(int argc, char** argv) { return parallax::run(argc, argv); }
