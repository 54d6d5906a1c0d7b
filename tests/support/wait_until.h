// Waiting for a state, never for a time: what a test waits for takes as long as the machine likes.
#pragma once

#include <functional>

namespace parallax::testing {

// Asks every millisecond until `condition` holds. False after five minutes, which only a hang
// takes.
bool wait_until(const std::function<bool()>& condition);

}  // namespace parallax::testing
