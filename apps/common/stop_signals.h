// SIGTERM and SIGINT as a wish to stop in good order.
#pragma once

#include <csignal>

namespace parallax {

// During its lifetime SIGTERM and SIGINT (Ctrl+C) only request a stop; a second one kills.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  struct sigaction before_term_ {};
  struct sigaction before_int_ {};
};

// Whether a stop was requested since the last StopSignals began.
bool stop_requested();

}  // namespace parallax
