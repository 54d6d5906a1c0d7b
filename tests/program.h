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
};

struct ProgramOptions {
  std::string folder;                                            // to run in; empty: this one
  std::vector<std::pair<std::string, std::string>> environment;  // added to this process's
  std::vector<std::string> wrapper;  // words before the program, such as `ip netns exec NAME`
};

// `parallax ARGS…` running with no terminal. Killed if it still runs when this goes.
class RunningProgram {
 public:
  RunningProgram(const std::vector<std::string>& arguments, const ProgramOptions& options = {});
  ~RunningProgram();
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  void send(int signal) const;
  bool has_ended();
  ProgramResult wait();

 private:
  pid_t child_ = -1;
  bool ended_ = false;
  int status_ = 0;
  std::string out_;  // files
  std::string err_;
};

// Runs `parallax ARGS…` to its end, in `folder` if given.
ProgramResult run_program(const std::vector<std::string>& arguments,
                          const std::string& folder = "");

}  // namespace parallax::testing
