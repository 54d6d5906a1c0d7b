// Uses fork and exec; the server writes the display number that it chose to a pipe.
#include "tests/support/display.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>

namespace parallax::testing {
namespace {

constexpr int kNotInstalled = 127;

}  // namespace

// Left to choose a number, Xvfb takes the lowest free one, and a server of other tests that is just
// ending removes the new one's socket with its own.
VirtualDisplay::VirtualDisplay() {
  std::random_device random;
  std::uniform_int_distribution<int> numbers(100, 50000);
  for (int attempt = 0; attempt < 10 && name_.empty(); ++attempt) {
    const std::string name = ":" + std::to_string(numbers(random));
    if (start(name)) {
      name_ = name;
    } else {
      int status = 0;
      waitpid(server_, &status, 0);
      server_ = -1;
      if (WIFEXITED(status) && WEXITSTATUS(status) == kNotInstalled) {
        return;
      }
    }
  }
}

bool VirtualDisplay::start(const std::string& name) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return false;
  }
  server_ = fork();
  if (server_ == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    const int ready = dup(ends[1]);  // stays open in the server
    execlp("Xvfb",
           "Xvfb",
           name.c_str(),
           "-displayfd",
           std::to_string(ready).c_str(),
           "-screen",
           "0",
           "1280x720x24",
           "-nolisten",
           "tcp",
           // Else the server resets when its last client leaves and drops who connects meanwhile.
           "-noreset",
           nullptr);
    _exit(kNotInstalled);
  }
  close(ends[1]);
  // Its number, once it takes connections. To the end of the line, which comes in pieces: a server
  // whose reader left before the last one dies of SIGPIPE.
  char last = 0;
  while (last != '\n' && read(ends[0], &last, 1) == 1) {
  }
  close(ends[0]);
  return last == '\n';
}

VirtualDisplay::~VirtualDisplay() {
  if (server_ > 0) {
    kill(server_, SIGTERM);
    waitpid(server_, nullptr, 0);
  }
}

}  // namespace parallax::testing
