// Runs the real program and captures its output.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace parallax::testing {

// How a run of the program ended.
struct ProgramResult {
  int exit_code = -1;  // 128 + signal if it was killed
  std::string out;
  std::string err;
  long peak_kilobytes = 0;  // of resident memory
};

// How the program is run.
struct ProgramOptions {
  std::string folder;  // to run in; empty: the current one
  std::vector<std::pair<std::string, std::string>> environment;  // added to this process's
  std::string input;                                             // content of stdin
  bool open_input = false;           // stdin goes on with write_input() until close_input()
  std::string program;               // in place of the one that was built
  std::vector<std::string> wrapper;  // words before the program, such as `ip netns exec NAME`
};

// `parallax ARGS…` running without a terminal. The destructor kills it if it is still running.
class RunningProgram {
 public:
  RunningProgram(const std::vector<std::string>& arguments, const ProgramOptions& options = {});
  ~RunningProgram();
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  void send(int signal) const;
  // Returns when the program stands still, or has ended; send(SIGCONT) lets it go on.
  void stop() const;
  void write_input(const std::string& text) const;
  void close_input();
  bool has_ended();
  ProgramResult wait();

 private:
  void end(int flags);  // collects the program's exit status, if it has ended

  pid_t child_ = -1;
  bool ended_ = false;
  int status_ = 0;
  long peak_kilobytes_ = 0;
  int open_input_ = -1;
  std::string in_;  // files
  std::string out_;
  std::string err_;
};

// Runs `parallax ARGS…` to its end, in `folder` if given.
ProgramResult run_program(const std::vector<std::string>& arguments,
                          const std::string& folder = "");
ProgramResult run_program_with(const std::vector<std::string>& arguments,
                               const ProgramOptions& options);

}  // namespace parallax::testing
