// Progress on stderr with rate and ETA: one line rewritten in place on a terminal, otherwise a new
// line every 10 s.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace parallax {

// The seconds that a task of `total` parts still takes at its speed so far, `done` > 0 of them in
// `elapsed` seconds; no more than what is left of `allowed` seconds, if that is above 0.
double seconds_left(int64_t done, int64_t total, double elapsed, double allowed);

// The progress of one task.
class Progress {
 public:
  // A `total` of 0 means unknown; `quiet` prints nothing.
  Progress(std::string title, int64_t total, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // The task ends after this many seconds even if work is left: the time left says so.
  void stop_after(double seconds) { seconds_allowed_ = seconds; }

  // Counts work as done; prints at most every 0.1 s on a terminal.
  void advance(int64_t count = 1);
  void finish();  // prints the closing line once

 private:
  void print(bool last);

  std::string title_;
  int64_t total_;
  int64_t done_ = 0;
  double seconds_allowed_ = 0;  // 0: without end
  bool quiet_;
  bool terminal_;
  bool finished_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point printed_;
};

}  // namespace parallax
