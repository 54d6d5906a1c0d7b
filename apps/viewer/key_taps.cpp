// A queue from which each frame takes as much as it can show.
#include "apps/viewer/key_taps.h"

#include <algorithm>
#include <utility>

namespace parallax {
namespace {

bool contains(const std::vector<int>& keys, int key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

}  // namespace

bool KeyTaps::fits(const Press& press, const Frame& frame) const {
  return !contains(down_, press.key) && !contains(frame.down, press.key) &&
         (frame.down.empty() || press.modifiers == frame.modifiers);
}

KeyTaps::Frame KeyTaps::next(const std::function<bool(int key)>& is_held) {
  Frame frame;
  while (!waiting_.empty() && fits(waiting_.front(), frame)) {
    frame.down.push_back(waiting_.front().key);
    frame.modifiers = waiting_.front().modifiers;
    waiting_.pop_front();
  }
  for (const Press& press : waiting_) {
    if (!contains(frame.down, press.key)) {
      frame.up.push_back(press.key);
    }
  }
  std::vector<int> down = frame.down;
  for (const int key : down_) {
    if (!contains(frame.up, key)) {
      (is_held(key) ? down : frame.up).push_back(key);
    }
  }
  down_ = std::move(down);
  return frame;
}

}  // namespace parallax
