// The entry of `parallax-compute`: runs what `parallax` has found to be a sound command line.
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "apps/common/cli.h"
#include "core/base/error.h"
#include "core/base/torch.h"

namespace parallax {
namespace {

// Tensors of many megabytes come and go in every step. By default the C library returns their
// memory to the system each time: a tenth of a training step, and half of a layer's pass over
// 65,536 tokens, is then spent on fetching it again. Memory that is kept may become fragmented: a
// process that worked at many large sizes held 2.4 times as much.
void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);  // all from the heap
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
}

// LibTorch's errors as ours.
int run_with_torch(const CommandRun& run) {
  try {
    return run();
  } catch (const c10::OutOfMemoryError&) {
    throw Error("the device's memory is full. Use a smaller --size or fewer views.");
  } catch (const c10::Error& error) {
    throw Error(std::string("a tensor operation failed: ") + error.what_without_backtrace());
  }
}

int run(int argc, char** argv) {
  CLI::App program;
  const std::vector<Command> commands = add_all_commands(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // never where `parallax` was asked first
    return program.exit(error);
  }
  keep_freed_memory();
  for (const Command& command : commands) {
    if (command.app->parsed()) {
      return run_reporting_errors([&] { return run_with_torch(command.run); });
    }
  }
  return kExitUsage;
}

// Ends the process without LibTorch's destructors, which take its operators apart one by one: 60
// ms.
[[noreturn]] void leave(int code) {
  std::cout.flush();
  std::fflush(nullptr);
#ifdef __SANITIZE_ADDRESS__
  std::exit(code);  // whose handlers look for leaks
#else
  _exit(code);
#endif
}

}  // namespace
}  // namespace parallax

int main(int argc, char** argv) { parallax::leave(parallax::run(argc, argv)); }
