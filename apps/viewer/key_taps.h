// Keys pressed between two frames, handed out so that the interface sees every press: it looks once
// a frame at which keys are down, and what went down and up between two looks it would miss.
#pragma once

#include <deque>
#include <functional>
#include <vector>

namespace parallax {

class KeyTaps {
 public:
  void press(int key, int modifiers) { waiting_.push_back({key, modifiers}); }
  bool is_empty() const { return waiting_.empty(); }

  // What a frame shall see, whatever is held: keys that count as down, with the modifiers that they
  // were pressed with, and keys that count as up.
  struct Frame {
    std::vector<int> down;
    std::vector<int> up;
    int modifiers = 0;
  };
  // Once a frame. A key is down for one frame, or as long as it is held, and up before it goes down
  // again; presses with other modifiers wait for the next frame.
  Frame next(const std::function<bool(int key)>& is_held);

 private:
  struct Press {
    int key = 0;
    int modifiers = 0;
  };
  bool fits(const Press& press, const Frame& frame) const;

  std::deque<Press> waiting_;
  std::vector<int> down_;  // as the last frame saw them, for however many frames before
};

}  // namespace parallax
