// Timing that tolerates a machine that is not quite idle: alternating runs and their medians.
#pragma once

#include <functional>
#include <vector>

namespace parallax {

// The middle value, or the mean of the two middle ones; NaN without values.
double median(std::vector<double> values);

// How often and how long cases are timed.
struct TimingOptions {
  int repeats = 5;            // timed rounds; every round runs every case
  double min_seconds = 0.05;  // a case is repeated within a round for at least this long
};

// Seconds per run of each case, as result[case][round]. Cases alternate, in reversed order every
// other round, so that other load on the machine affects all of them; a first round is not counted.
std::vector<std::vector<double>> paired_seconds(const std::vector<std::function<void()>>& cases,
                                                const TimingOptions& options);

// The least-squares slope of log y over log x: the exponent of a power law. NaN below two points.
double fitted_exponent(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace parallax
