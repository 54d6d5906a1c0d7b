// The interface's time per frame, measured by the program itself.
#pragma once

#include <string>
#include <vector>

#include "apps/viewer/ui.h"

namespace parallax {

// Collects frame times and summarises them.
class FrameClock {
 public:
  // `model_works`: whether the worker was busy when the frame began.
  void add(double milliseconds, bool model_works);

  // Summary of the last few hundred frames.
  FrameTimes summary() const;

  // Two lines: one for all frames and one for those during which the model worked.
  std::string report() const;

 private:
  // One frame's time.
  struct Frame {
    float milliseconds = 0;
    bool model_works = false;
  };
  std::vector<Frame> frames_;
};

}  // namespace parallax
