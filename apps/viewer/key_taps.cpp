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

bool KeyTaps::fits(const Press& press, const Frame& frame, const std::vector<int>& last) {
  return !contains(last, press.key) && !contains(frame.down, press.key) &&
         (frame.down.empty() || press.modifiers == frame.modifiers);
}

KeyTaps::Frame KeyTaps::next(const std::function<bool(int key)>& is_held) {
  Frame frame;
  const std::vector<int> last = std::exchange(down_, {});
  while (!waiting_.empty() && fits(waiting_.front(), frame, last)) {
    frame.down.push_back(waiting_.front().key);
    frame.modifiers = waiting_.front().modifiers;
    waiting_.pop_front();
  }
  down_ = frame.down;
  for (const int key : last) {
    if (!is_held(key)) {
      frame.up.push_back(key);
    }
  }
  for (const Press& press : waiting_) {
    if (!contains(frame.down, press.key)) {
      frame.up.push_back(press.key);
    }
  }
  return frame;
}

}  // namespace parallax
