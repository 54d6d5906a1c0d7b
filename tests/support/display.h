// A virtual display for tests that open windows.
#pragma once

#include <sys/types.h>

#include <string>

namespace parallax::testing {

// Runs Xvfb on a free display number, 1280 × 720, during its lifetime.
class VirtualDisplay {
 public:
  VirtualDisplay();
  ~VirtualDisplay();
  VirtualDisplay(const VirtualDisplay&) = delete;
  VirtualDisplay& operator=(const VirtualDisplay&) = delete;

  // ":7", or empty if there is no Xvfb on this machine.
  const std::string& name() const { return name_; }

 private:
  bool start(const std::string& name);  // false: it ended

  pid_t server_ = -1;
  std::string name_;
};

}  // namespace parallax::testing
