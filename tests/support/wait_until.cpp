// The tests' only sleep that stands for something.
#include "tests/support/wait_until.h"

#include <chrono>
#include <thread>

namespace parallax::testing {

bool wait_until(const std::function<bool()>& condition) {
  using namespace std::chrono_literals;
  const auto give_up = std::chrono::steady_clock::now() + 5min;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) {
      return false;
    }
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

}  // namespace parallax::testing
