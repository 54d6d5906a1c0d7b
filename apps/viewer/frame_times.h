// How long the interface takes a frame, measured by the program itself.
#pragma once

#include <string>
#include <vector>

#include "apps/viewer/ui.h"

namespace parallax {

class FrameClock {
 public:
  // `model_works`: the worker had something to do when the frame began.
  void add(double milliseconds, bool model_works);

  // Of the last few hundred frames.
  FrameTimes summary() const;

  // Of all frames, two lines: all, and those beside the working model.
  std::string report() const;

 private:
  struct Frame {
    float milliseconds = 0;
    bool model_works = false;
  };
  std::vector<Frame> frames_;
};

}  // namespace parallax
