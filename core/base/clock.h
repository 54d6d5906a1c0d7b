// Elapsed time.
#pragma once

#include <chrono>

namespace parallax {

// The monotonic clock that all durations are measured with.
using Clock = std::chrono::steady_clock;

// Seconds from `start` until now.
inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace parallax
