// LibTorch reads the variable when it is asked to, which nobody does outside Python.
#include "core/distributed/quiet_c10d.h"

#include <c10/util/Logging.h>

#include <cstdlib>

namespace parallax {

void keep_c10d_quiet() {
  static const bool once = [] {
    setenv("TORCH_CPP_LOG_LEVEL", "ERROR", 0);
    c10::initLogging();
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace parallax
