// Uses fork, exec, and two files for the output.
#include "tests/support/program.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace parallax::testing {
namespace {

std::string read_and_remove(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::remove(path.c_str());
  return text;
}

std::string temporary_file() {
  char name[] = "/tmp/parallax-test-XXXXXX";
  close(mkstemp(name));
  return name;
}

}  // namespace

RunningProgram::RunningProgram(const std::vector<std::string>& arguments,
                               const ProgramOptions& options)
    : in_(temporary_file()), out_(temporary_file()), err_(temporary_file()) {
  std::ofstream(in_, std::ios::binary) << options.input;
  std::vector<std::string> words = options.wrapper;
  words.push_back(options.program.empty() ? PARALLAX_PROGRAM : options.program);
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  int ends[2] = {-1, -1};
  if (options.open_input) {
    // A socket, as it can be written to without a signal where the program has ended.
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    open_input_ = ends[1];
  }
  child_ = fork();
  if (child_ == 0) {
    if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) {
      _exit(126);
    }
    for (const auto& [name, value] : options.environment) {
      setenv(name.c_str(), value.c_str(), 1);
    }
    dup2(options.open_input ? ends[0] : open(in_.c_str(), O_RDONLY), STDIN_FILENO);
    dup2(open(out_.c_str(), O_WRONLY | O_TRUNC), STDOUT_FILENO);
    dup2(open(err_.c_str(), O_WRONLY | O_TRUNC), STDERR_FILENO);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  if (options.open_input) {
    close(ends[0]);
  }
}

RunningProgram::~RunningProgram() {
  if (!ended_) {
    send(SIGKILL);
    wait();
  }
  close_input();
}

void RunningProgram::send(int signal) const { kill(child_, signal); }

void RunningProgram::stop() const {
  send(SIGSTOP);
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(child_), &info, WSTOPPED | WEXITED | WNOWAIT);
}

void RunningProgram::write_input(const std::string& text) const {
  ::send(open_input_, text.data(), text.size(), MSG_NOSIGNAL);
}

void RunningProgram::close_input() {
  if (open_input_ >= 0) {
    close(open_input_);
    open_input_ = -1;
  }
}

bool RunningProgram::has_ended() {
  end(WNOHANG);
  return ended_;
}

void RunningProgram::end(int flags) {
  rusage usage{};
  if (!ended_ && wait4(child_, &status_, flags, &usage) == child_) {
    ended_ = true;
    peak_kilobytes_ = usage.ru_maxrss;
  }
}

ProgramResult RunningProgram::wait() {
  end(0);
  std::remove(in_.c_str());
  return {WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_),
          read_and_remove(out_),
          read_and_remove(err_),
          peak_kilobytes_};
}

ProgramResult run_program(const std::vector<std::string>& arguments, const std::string& folder) {
  return run_program_with(arguments, {.folder = folder});
}

ProgramResult run_program_with(const std::vector<std::string>& arguments,
                               const ProgramOptions& options) {
  return RunningProgram(arguments, options).wait();
}

}  // namespace parallax::testing
