// The tests' only sleep that stands for something.
#include "tests/support/wait_until.h"

#include <chrono>
#include <thread>

namespace parallax::testing {

bool wait_until(const std::function<bool()>& condition) {
  using namespace std::chrono_literals;
  for (int asked = 0; asked < 300'000; ++asked) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

}  // namespace parallax::testing
