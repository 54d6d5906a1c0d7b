// Waiting for a state, never for a time: what a test waits for takes as long as the machine likes.
#pragma once

#include <functional>

namespace parallax::testing {

// Asks every millisecond until `condition` holds. False after asking 300,000 times, which only a
// hang takes: where the machine has no time for the program, it has none for asking either.
bool wait_until(const std::function<bool()>& condition);

}  // namespace parallax::testing
