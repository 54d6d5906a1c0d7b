// Uses fork and exec; the server writes the display number that it chose to a pipe.
#include "tests/support/display.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace parallax::testing {

VirtualDisplay::VirtualDisplay() {
  int ends[2];
  if (pipe(ends) != 0) {
    return;
  }
  server_ = fork();
  if (server_ == 0) {
    close(ends[0]);
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    const std::string descriptor = std::to_string(ends[1]);
    execlp("Xvfb",
           "Xvfb",
           "-displayfd",
           descriptor.c_str(),
           "-screen",
           "0",
           "1280x720x24",
           "-nolisten",
           "tcp",
           nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string number;
  for (char c = 0; read(ends[0], &c, 1) == 1 && c != '\n';) {
    number += c;
  }
  close(ends[0]);
  name_ = number.empty() ? "" : ":" + number;
}

VirtualDisplay::~VirtualDisplay() {
  if (server_ > 0) {
    kill(server_, SIGTERM);
    waitpid(server_, nullptr, 0);
  }
}

}  // namespace parallax::testing
