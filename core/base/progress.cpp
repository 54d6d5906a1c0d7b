// The progress line.
#include "core/base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/base/clock.h"

namespace parallax {
namespace {

constexpr double kTerminalInterval = 0.1;  // seconds between prints
constexpr double kLogInterval = 10.0;

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

double seconds_left(int64_t done, int64_t total, double elapsed, double allowed) {
  const double left = static_cast<double>(total - done) * elapsed / static_cast<double>(done);
  return allowed > 0 ? std::min(left, std::max(0.0, allowed - elapsed)) : left;
}

Progress::Progress(std::string title, int64_t total, bool quiet)
    : title_(std::move(title)),
      total_(total),
      quiet_(quiet),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      printed_(start_) {}

Progress::~Progress() {
  if (terminal_ && !quiet_ && !finished_ && done_ > 0) {
    std::fputc('\n', stderr);  // an error is about to be printed: leave the progress line
  }
}

void Progress::advance(int64_t count) {
  done_ += count;
  if (seconds(Clock::now() - printed_) >= (terminal_ ? kTerminalInterval : kLogInterval)) {
    print(false);
  }
}

void Progress::finish() {
  if (!finished_) {
    finished_ = true;
    print(true);
  }
}

void Progress::print(bool last) {
  if (quiet_) {
    return;
  }
  printed_ = Clock::now();
  const double elapsed = std::max(1e-9, seconds(printed_ - start_));
  const double rate = static_cast<double>(done_) / elapsed;
  std::string line = total_ > 0 ? fmt::format("{}: {}/{}", title_, done_, total_)
                                : fmt::format("{}: {}", title_, done_);
  line += rate >= 1 || rate <= 0 ? fmt::format(", {:.1f}/s", rate)
                                 : fmt::format(", {:.1f} s each", 1 / rate);
  if (last) {
    line += fmt::format(", {:.1f} s", elapsed);
  } else if (total_ > 0 && done_ > 0) {
    line += fmt::format(", {:.0f} s left", seconds_left(done_, total_, elapsed, seconds_allowed_));
  }
  if (terminal_) {
    fmt::print(stderr, "\r\033[K{}{}", line, last ? "\n" : "");
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

}  // namespace parallax
