// Numbers and their intervals as the laboratory's sentences have them, and what they decide.
#pragma once

#include <string>
#include <vector>

#include "vision/lab/lab_result.h"
#include "vision/metrics/statistics.h"

namespace parallax::lab {

// "3.1e-13"; "0" for zero.
std::string small_number(double value);

// "-7.90 dB (95 %: -8.42 to -7.38)"; without an interval where there is none.
std::string interval_text(const Estimate& estimate, int decimals, const std::string& unit);

// Whether the interval lies below or above a bound.
Verdict is_below(const Estimate& estimate, double bound);
Verdict is_above(const Estimate& estimate, double bound);

// Whether the interval lies within ±margin; does not hold where it lies outside of it.
Verdict is_within(const Estimate& estimate, double margin);

// A share of successes among independent trials with Wilson's 95 % interval.
Estimate estimate_share(size_t successes, size_t trials);

// The claim with why nothing was tested.
Finding not_tested(const std::string& claim, const std::string& section, const std::string& reason);

}  // namespace parallax::lab
