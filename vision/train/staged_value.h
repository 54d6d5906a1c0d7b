// Curricula: values that change during a run, in the command line's notation.
#pragma once

#include <string>
#include <vector>

namespace parallax {

// "32x32@0,64x64@0.4": each value applies from its share of the run on. A single value applies
// throughout.
class StagedValue {
 public:
  // Throws UsageError naming `option` unless the shares ascend from 0 within [0, 1).
  StagedValue(const std::string& text, const std::string& option);

  // The value at `progress` in [0, 1].
  const std::string& at(double progress) const;
  const std::string& last() const { return stages_.back().value; }
  std::vector<std::string> values() const;

 private:
  // A value and the share of the run at which it starts.
  struct Stage {
    std::string value;
    double start = 0;
  };
  std::vector<Stage> stages_;
};

// A whole number of at least `min`. Throws UsageError naming `option`.
int parse_count(const std::string& text, const std::string& option, int min);

// A range of counts, both ends included.
struct CountRange {
  int min = 0;
  int max = 0;
};

// "8" or "4-8". Throws UsageError naming `option`.
CountRange parse_count_range(const std::string& text, const std::string& option);

}  // namespace parallax
