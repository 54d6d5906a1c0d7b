// Key presses as the frames see them, however many come between two frames.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "apps/viewer/key_taps.h"

namespace parallax {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ViewerKeys : public ::testing::Test {
 protected:
  KeyTaps::Frame next() {
    return taps_.next([this](int key) { return held_.contains(key); });
  }

  KeyTaps taps_;
  std::set<int> held_;
};

TEST_F(ViewerKeys, AShortPressIsDownForOneFrame) {
  EXPECT_THAT(next().down, IsEmpty());
  taps_.press('A', 0);
  taps_.press('B', 0);
  EXPECT_FALSE(taps_.is_empty());
  const KeyTaps::Frame first = next();
  EXPECT_THAT(first.down, ElementsAre('A', 'B'));
  EXPECT_THAT(first.up, IsEmpty());
  EXPECT_THAT(next().up, ElementsAre('A', 'B'));
  EXPECT_THAT(next().up, IsEmpty());
}

TEST_F(ViewerKeys, AHeldKeyStaysDown) {
  taps_.press('A', 0);
  held_ = {'A'};
  EXPECT_THAT(next().down, ElementsAre('A'));
  EXPECT_THAT(next().up, IsEmpty());
}

// Down for two frames without an end would be one press.
TEST_F(ViewerKeys, AKeyPressedAgainIsUpForAFrameBefore) {
  taps_.press('A', 0);
  next();
  taps_.press('A', 0);
  held_ = {'A'};  // also where it is held by now
  KeyTaps::Frame frame = next();
  EXPECT_THAT(frame.down, IsEmpty());
  EXPECT_THAT(frame.up, ElementsAre('A'));
  EXPECT_THAT(next().down, ElementsAre('A'));
}

// A hand holds a key for several frames; one long frame then sees its end and the next press.
TEST_F(ViewerKeys, AKeyHeldForFramesAndPressedAgainIsUpForAFrameBetween) {
  taps_.press('A', 0);
  held_ = {'A'};
  EXPECT_THAT(next().down, ElementsAre('A'));
  for (int frame = 0; frame < 3; ++frame) {
    const KeyTaps::Frame while_held = next();
    EXPECT_THAT(while_held.down, IsEmpty());
    EXPECT_THAT(while_held.up, IsEmpty());
  }
  taps_.press('A', 0);
  KeyTaps::Frame frame = next();
  EXPECT_THAT(frame.down, IsEmpty());
  EXPECT_THAT(frame.up, ElementsAre('A'));
  EXPECT_THAT(next().down, ElementsAre('A'));
  held_ = {};
  EXPECT_THAT(next().up, ElementsAre('A'));
  EXPECT_THAT(next().up, IsEmpty());
}

// Keys held and let go in any order, with frames of any length: ImGui, which sees a press where a
// key is down that was up before, sees as many as there were.
TEST_F(ViewerKeys, EveryPressIsSeenOnceWhateverIsHeldMeanwhile) {
  const std::vector<int> keys = {'A', 'B', 'C'};
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    std::map<int, int> pressed;
    std::map<int, int> seen;
    std::set<int> down;  // what ImGui is told: by its backend at each event, and by each frame
    std::set<int> before;
    const auto draw = [&] {
      const KeyTaps::Frame frame = next();
      for (const int key : frame.up) {
        down.erase(key);
      }
      down.insert(frame.down.begin(), frame.down.end());
      for (const int key : down) {
        seen[key] += before.contains(key) ? 0 : 1;
      }
      before = down;
    };
    for (int event = 0; event < 40; ++event) {
      const int key = keys[random() % keys.size()];
      if (held_.erase(key) != 0) {
        down.erase(key);
      } else {
        held_.insert(key);
        down.insert(key);
        taps_.press(key, static_cast<int>(random() % 2));
        ++pressed[key];
      }
      for (auto frames = random() % 3; frames > 0; --frames) {
        draw();
      }
    }
    held_.clear();
    down.clear();
    while (!taps_.is_empty() || !before.empty()) {
      draw();
    }
    ASSERT_EQ(seen, pressed) << "seed " << seed;
  }
}

TEST_F(ViewerKeys, ThreePressesBetweenTwoFramesAreThree) {
  for (int i = 0; i < 3; ++i) {
    taps_.press('A', 0);
  }
  for (int i = 0; i < 3; ++i) {
    KeyTaps::Frame frame = next();
    EXPECT_THAT(frame.down, ElementsAre('A'));
    EXPECT_THAT(frame.up, IsEmpty());
    frame = next();
    EXPECT_THAT(frame.down, IsEmpty());
    EXPECT_THAT(frame.up, ::testing::Contains('A'));
  }
  EXPECT_TRUE(taps_.is_empty());
}

// F12 and then Ctrl+Q: neither may be seen with the other's modifiers.
TEST_F(ViewerKeys, PressesWithOtherModifiersWaitForTheNextFrame) {
  taps_.press('F', 0);
  taps_.press('Q', 2);
  KeyTaps::Frame frame = next();
  EXPECT_THAT(frame.down, ElementsAre('F'));
  EXPECT_EQ(frame.modifiers, 0);
  EXPECT_THAT(frame.up, ElementsAre('Q'));  // even if it is held already
  frame = next();
  EXPECT_THAT(frame.down, ElementsAre('Q'));
  EXPECT_EQ(frame.modifiers, 2);
}

}  // namespace
}  // namespace parallax
