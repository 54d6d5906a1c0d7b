// Runs the real program and keeps what it printed.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace parallax::testing {

struct ProgramResult {
  int exit_code = -1;  // 128 + signal where it was killed
  std::string out;
  std::string err;
  long peak_kilobytes = 0;  // of resident memory
};

struct ProgramOptions {
  std::string folder;                                          // to run in; empty: here
  std::string input;                                           // what stdin holds
  std::vector<std::pair<std::string, std::string>> variables;  // set in the environment
};

// A program that runs while the test does something else.
class RunningProgram {
 public:
  // Starts `parallax ARGS…` with no terminal.
  explicit RunningProgram(const std::vector<std::string>& arguments,
                          const ProgramOptions& options = {});
  ~RunningProgram();  // kills it if it was not waited for
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  void kill() const;  // SIGKILL
  bool running() const;
  ProgramResult wait();

 private:
  pid_t child_ = -1;
  std::string in_, out_, err_;  // files
};

// Runs `parallax ARGS…` to its end, in `folder` if given.
ProgramResult run_program(const std::vector<std::string>& arguments,
                          const std::string& folder = "");
ProgramResult run_program_with(const std::vector<std::string>& arguments,
                               const ProgramOptions& options);

}  // namespace parallax::testing
