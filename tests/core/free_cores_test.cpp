// Cores that other processes leave free, from the text of /proc/stat and from times.
#include "core/base/free_cores.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace parallax {
namespace {

// As Linux 6.1 writes it; in steps of which the system has sysconf(_SC_CLK_TCK) a second.
const std::string kStat =
    "cpu  1300 200 340 9000 70 0 12 8 0 0\n"
    "cpu0 1000 150 300 4000 50 0 10 5 0 0\n"
    "cpu1 300 50 40 5000 20 0 2 3 0 0\n"
    "cpu10 77 0 0 0 0 0 0 0 0 0\n"
    "intr 1 2 3\n"
    "ctxt 123\n";

double seconds(double ticks) { return ticks / static_cast<double>(sysconf(_SC_CLK_TCK)); }

TEST(FreeCores, BusyTimeIsThatOfTheCoresThatMayBeUsed) {
  EXPECT_DOUBLE_EQ(*busy_seconds(kStat, {0, 1}, true), seconds(1465 + 395));
  EXPECT_DOUBLE_EQ(*busy_seconds(kStat, {1}, true), seconds(395));
  EXPECT_DOUBLE_EQ(*busy_seconds(kStat, {10}, true), seconds(77));
}

TEST(FreeCores, WhoMakesWayIsNotBusy) {
  EXPECT_DOUBLE_EQ(*busy_seconds(kStat, {0}, false), seconds(1465 - 150));
}

TEST(FreeCores, WhatTheSystemDoesNotSayIsNotGuessed) {
  EXPECT_FALSE(busy_seconds("", {0}, true));
  EXPECT_FALSE(busy_seconds(kStat, {0, 2}, true));
  EXPECT_FALSE(busy_seconds("cpu  1 2 3\ncpu0 1 2 3\n", {0}, true));
}

// Over one second: what all processes took of the cores, what this one did, and the cores it should
// use.
int free_of(int cores, double busy, double own) {
  return cores_left_free({100, 50, 7}, {101, 50 + busy, 7 + own}, cores);
}

TEST(FreeCores, AreThoseThatOthersLeave) {
  EXPECT_EQ(free_of(2, 2.0, 2.0), 2);   // alone
  EXPECT_EQ(free_of(2, 0.4, 0.3), 2);   // the system's own little work
  EXPECT_EQ(free_of(2, 2.0, 1.33), 1);  // two threads beside one busy process
  EXPECT_EQ(free_of(2, 2.0, 1.0), 1);   // one thread beside it
  EXPECT_EQ(free_of(2, 1.0, 1.0), 2);   // it has ended
  EXPECT_EQ(free_of(2, 2.0, 0.5), 1);   // never none
  EXPECT_EQ(free_of(16, 16.0, 15.1), 15);
  EXPECT_EQ(free_of(16, 16.0, 4.0), 4);
  EXPECT_EQ(free_of(2, 0.0, 1.9), 2);  // a container that counts nothing
}

TEST(FreeCores, TooShortATimeSaysNothing) { EXPECT_FALSE(FreeCores().ask()); }

}  // namespace
}  // namespace parallax
