// Runs of the program during which writing fails (tests/faults/fault_injector.cpp).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace parallax::testing {

// One fault: `kind` (full, io, short, kill) at the `at`-th write-like call below `folder`; 0: none,
// the calls are only counted.
struct Fault {
  std::filesystem::path folder;
  std::string kind = "io";
  long at = 0;
};

struct FaultyRun {
  ProgramResult result;
  long calls = 0;         // below the folder, the failed one included
  std::string last_call;  // "write /folder/file"
};

// `parallax ARGS…` with the fault. Several processes of one run count for themselves; the last one
// to count is reported.
FaultyRun run_with_fault(const std::vector<std::string>& arguments,
                         const Fault& fault,
                         ProgramOptions options = {});

// The environment that makes a process fail so; `count` is the file of its counts.
std::vector<std::pair<std::string, std::string>> fault_environment(
    const Fault& fault,
    const std::filesystem::path& count);

// Which calls of `all` to make fail: each with PARALLAX_ALL_FAULTS=1 in the environment, else at
// most `sample` of them, evenly spread, the first and the last included.
std::vector<long> calls_to_fail(long all, long sample);

}  // namespace parallax::testing
