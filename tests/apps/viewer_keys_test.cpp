// Key presses as the frames see them, however many come between two frames.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

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
