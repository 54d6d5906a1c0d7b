// fork, execve, poll and waitpid.
#include "core/base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr int kPollMilliseconds = 100;
constexpr std::chrono::seconds kPatience(3);  // between SIGTERM and SIGKILL

// "NAME=value" of this process and of the additions, which come first and so win.
std::vector<std::string> joined_environment(
    const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> all;
  for (const auto& [name, value] : added) {
    all.push_back(name + "=" + value);
  }
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool replaced = false;
    for (const auto& [name, value] : added) {
      replaced = replaced || std::strncmp(*entry, (name + "=").c_str(), name.size() + 1) == 0;
    }
    if (!replaced) {
      all.emplace_back(*entry);
    }
  }
  return all;
}

std::vector<char*> as_pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void fail_to_start(const ChildCommand& command, int error_number) {
  throw Error(ErrorParts{.what = "a program cannot be started",
                         .where = command.program.string(),
                         .got = std::strerror(error_number)});
}

std::vector<std::string> words_of(const ChildCommand& command) {
  std::vector<std::string> words = {command.program.string()};
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  return words;
}

// A running child: the reading end of its output, and its end.
class Child {
 public:
  explicit Child(const ChildCommand& command) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
      fail_to_start(command, errno);
    }
    std::vector<std::string> words = words_of(command);
    std::vector<std::string> settings = joined_environment(command.environment);
    const std::vector<char*> arguments = as_pointers(words);
    const std::vector<char*> environment = as_pointers(settings);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      // Only calls that are safe after a fork among threads.
      ::setpgid(0, 0);
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int nothing = ::open("/dev/null", O_RDONLY);
      if (::getppid() == parent && nothing >= 0 && ::dup2(nothing, 0) >= 0 &&
          ::dup2(pipe[1], 1) >= 0 && ::dup2(pipe[1], 2) >= 0) {
        ::execve(arguments[0], arguments.data(), environment.data());
      }
      ::_exit(127);
    }
    const int error = errno;
    ::close(pipe[1]);
    output_ = pipe[0];
    if (pid_ < 0) {
      ::close(output_);
      fail_to_start(command, error);
    }
    ::setpgid(pid_, pid_);  // whichever of the two processes is first
    ::fcntl(output_, F_SETFL, O_NONBLOCK);
  }

  ~Child() {
    if (!ended_) {
      signal_group(SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(output_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void signal_group(int signal) const { ::kill(-pid_, signal); }

  // Reads what there is after at most a tenth of a second; whether more may come.
  bool read(const ChildCommand& command) {
    pollfd waiting{output_, POLLIN, 0};
    ::poll(&waiting, 1, kPollMilliseconds);
    std::array<char, 4096> buffer{};
    ssize_t count = 0;
    while ((count = ::read(output_, buffer.data(), buffer.size())) > 0) {
      for (ssize_t i = 0; i < count; ++i) {
        const char c = buffer[static_cast<std::size_t>(i)];
        if (c != '\n' && c != '\r') {
          line_ += c;
        } else {
          give_line(command);
        }
      }
    }
    return count < 0 && (errno == EAGAIN || errno == EINTR);
  }

  void give_line(const ChildCommand& command) {
    if (!line_.empty() && command.on_line) {
      command.on_line(line_);
    }
    line_.clear();
  }

  // Whether it has ended; the exit code then.
  bool has_ended(int* exit_code) {
    int status = 0;
    if (!ended_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
      ended_ = true;
      exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    *exit_code = exit_code_;
    return ended_;
  }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  bool ended_ = false;
  int exit_code_ = -1;
  std::string line_;
};

}  // namespace

ChildEnd run_child(const ChildCommand& command) {
  using Time = std::chrono::steady_clock;
  Child child(command);
  ChildEnd end;
  Time::time_point asked;
  for (bool open = true;;) {
    open = open && child.read(command);
    if (child.has_ended(&end.exit_code)) {
      child.read(command);
      child.give_line(command);
      return end;
    }
    if (!open) {
      ::usleep(1000 * kPollMilliseconds);  // it closed its output but goes on
    }
    if (!end.stopped && command.should_stop && command.should_stop()) {
      end.stopped = true;
      asked = Time::now();
      child.signal_group(SIGTERM);
    } else if (end.stopped && Time::now() - asked > kPatience) {
      child.signal_group(SIGKILL);
    }
  }
}

pid_t start_detached(const ChildCommand& command) {
  std::vector<std::string> words = words_of(command);
  const std::vector<char*> arguments = as_pointers(words);
  const pid_t child = ::fork();
  if (child == 0) {
    // As above, only calls that are safe after a fork among threads.
    ::setsid();
    const int nothing = ::open("/dev/null", O_RDWR);
    if (nothing >= 0 && ::dup2(nothing, 0) >= 0 && ::dup2(nothing, 1) >= 0 &&
        ::dup2(nothing, 2) >= 0) {
      ::execve(arguments[0], arguments.data(), environ);
    }
    ::_exit(127);
  }
  if (child < 0) {
    fail_to_start(command, errno);
  }
  return child;
}

std::filesystem::path find_program(const std::string& name) {
  const auto can_run = [](const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos) {
    return can_run(name) ? std::filesystem::path(name) : std::filesystem::path();
  }
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (can_run(std::filesystem::path(folder) / name)) {
      return std::filesystem::path(folder) / name;
    }
  }
  return {};
}

}  // namespace parallax
