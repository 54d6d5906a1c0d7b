// How many cores other processes leave free. A loop that is shared by as many threads as there are
// cores takes as long as its slowest thread: beside one busy process, longer than on one thread
// fewer.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace parallax {

// Processor time up to a moment, in seconds.
struct CoreTimes {
  double at = 0;    // the moment, on a steady clock
  double busy = 0;  // of all processes, on the cores that this one may use
  double own = 0;   // of this process, all its threads together
};

// What `stat`, the text of /proc/stat, says of `cores` (their numbers): busy seconds since the
// machine started. Time of processes with a niceness counts only `with_niced`. Nothing if the text
// does not have these cores, as in some containers.
std::optional<double> busy_seconds(std::string_view stat,
                                   const std::vector<int>& cores,
                                   bool with_niced);

// Cores of `cores` that others left free between two moments, rounded; at least 1.
int cores_left_free(const CoreTimes& before, const CoreTimes& now, int cores);

// Watches the machine from its construction on.
class FreeCores {
 public:
  FreeCores();

  // The cores that others left free since the last answer, or since construction. Nothing if that
  // is too short ago to tell, or the system does not say.
  std::optional<int> ask();

 private:
  std::optional<CoreTimes> read() const;

  std::vector<int> cores_;  // that this process may use
  std::optional<CoreTimes> before_;
};

}  // namespace parallax
