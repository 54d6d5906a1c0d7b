// Signal handlers that set a flag.
#include "apps/common/stop_signals.h"

namespace parallax {
namespace {

volatile std::sig_atomic_t is_stop_requested = 0;

extern "C" void request_stop(int /*signal*/) { is_stop_requested = 1; }

}  // namespace

StopSignals::StopSignals() {
  is_stop_requested = 0;
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGTERM, &action, &before_term_);
  sigaction(SIGINT, &action, &before_int_);
}

StopSignals::~StopSignals() {
  sigaction(SIGTERM, &before_term_, nullptr);
  sigaction(SIGINT, &before_int_, nullptr);
}

bool stop_requested() { return is_stop_requested != 0; }

}  // namespace parallax
