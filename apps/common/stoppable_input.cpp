// poll(2) with a timeout, at each of which the signals' flag is looked at.
#include "apps/common/stoppable_input.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "apps/common/stop_signals.h"

namespace parallax {
namespace {

constexpr int kLookEveryMilliseconds = 100;

}  // namespace

std::streambuf::int_type StoppableInput::underflow() {
  while (!stop_requested()) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&input, 1, kLookEveryMilliseconds);
    if (ready == 0 || (ready < 0 && errno == EINTR)) {
      continue;
    }
    const ssize_t got = ::read(STDIN_FILENO, buffer_.data(), buffer_.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    setg(buffer_.data(), buffer_.data(), buffer_.data() + got);
    return std::streambuf::traits_type::to_int_type(buffer_[0]);
  }
  return std::streambuf::traits_type::eof();
}

}  // namespace parallax
