// Other programs as children of this one: run, read line by line, stopped, or let go.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace parallax {

// A program to run.
struct ChildCommand {
  std::filesystem::path program;                                 // a file that can be executed
  std::vector<std::string> arguments;                            // without the program's name
  std::vector<std::pair<std::string, std::string>> environment;  // added to this process's
  // For each line that it writes to stdout or stderr; lines end with \n or \r.
  std::function<void(const std::string&)> on_line;
  // Asked ten times a second; once true, the program is stopped: SIGTERM, after 3 s SIGKILL.
  std::function<bool()> should_stop;
};

// How it ended.
struct ChildEnd {
  int exit_code = -1;  // 128 + signal if a signal ended it
  bool stopped = false;
};

// Runs the program to its end, without input, in a process group of its own, so that Ctrl+C on the
// terminal reaches this process alone. It does not survive this process. Throws Error if it cannot
// be started.
ChildEnd run_child(const ChildCommand& command);

// Starts a program that goes on when this process ends, without input and output and in a session
// of its own; environment and functions of the command are of no account. Returns its process id,
// to be waited for: it ends with 127 if it cannot be run. Throws Error if there can be no other
// process.
pid_t start_detached(const ChildCommand& command);

// The program of that name: itself if it contains a slash, else the first in $PATH; empty if there
// is none.
std::filesystem::path find_program(const std::string& name);

}  // namespace parallax
