// Progress on stderr with rate and ETA: one line rewritten in place on a terminal, otherwise a new
// line every 10 s.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace parallax {

// The progress of one task.
class Progress {
 public:
  // A `total` of 0 means unknown; `quiet` prints nothing.
  Progress(std::string title, int64_t total, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Counts work as done; prints at most every 0.1 s on a terminal.
  void advance(int64_t count = 1);
  void finish();  // prints the closing line once

 private:
  void print(bool last);

  std::string title_;
  int64_t total_;
  int64_t done_ = 0;
  bool quiet_;
  bool terminal_;
  bool finished_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point printed_;
};

}  // namespace parallax
