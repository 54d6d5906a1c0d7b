// Runs the real program and keeps what it printed.
#pragma once

#include <string>
#include <vector>

namespace parallax::testing {

struct ProgramResult {
  int exit_code = -1;  // 128 + signal where it was killed
  std::string out;
  std::string err;
};

// Runs `parallax ARGS…` with no terminal, in `folder` if given.
ProgramResult run_program(const std::vector<std::string>& arguments,
                          const std::string& folder = "");

}  // namespace parallax::testing
