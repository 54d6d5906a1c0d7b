// Words for numbers, and verdicts from intervals.
#include "vision/lab/lab_text.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace parallax::lab {

const char* verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHolds:
      return "holds here";
    case Verdict::kDoesNotHold:
      return "does not hold here";
    case Verdict::kUndecided:
      return "undecided here";
    default:
      return "not tested";
  }
}

std::string small_number(double value) { return value == 0 ? "0" : fmt::format("{:.1e}", value); }

std::string interval_text(const Estimate& estimate, int decimals, const std::string& unit) {
  const auto text = [&](double value) {
    const std::string signed_text = fmt::format("{:+.{}f}", value, decimals);
    // Neither "+0.00" nor "-0.00".
    return signed_text.find_first_of("123456789") == std::string::npos ? signed_text.substr(1)
                                                                       : signed_text;
  };
  const std::string mean = text(estimate.mean) + " " + unit;
  return std::isfinite(estimate.low)
             ? fmt::format("{} (95 %: {} to {})", mean, text(estimate.low), text(estimate.high))
             : mean;
}

Verdict is_below(const Estimate& estimate, double bound) {
  if (estimate.high < bound) {
    return Verdict::kHolds;
  }
  return estimate.low >= bound ? Verdict::kDoesNotHold : Verdict::kUndecided;
}

Verdict is_above(const Estimate& estimate, double bound) {
  if (estimate.low > bound) {
    return Verdict::kHolds;
  }
  return estimate.high <= bound ? Verdict::kDoesNotHold : Verdict::kUndecided;
}

Verdict is_within(const Estimate& estimate, double margin) {
  if (estimate.low >= -margin && estimate.high <= margin) {
    return Verdict::kHolds;
  }
  return estimate.low > margin || estimate.high < -margin ? Verdict::kDoesNotHold
                                                          : Verdict::kUndecided;
}

Estimate estimate_share(size_t successes, size_t trials) {
  constexpr double kZ = 1.95996;
  if (trials == 0) {
    const double none = std::numeric_limits<double>::quiet_NaN();
    return {none, none, none, none, 0};
  }
  const auto n = static_cast<double>(trials);
  const double p = static_cast<double>(successes) / n;
  const double scale = 1 + kZ * kZ / n;
  const double centre = (p + kZ * kZ / (2 * n)) / scale;
  const double half = kZ / scale * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  return {p, std::sqrt(p * (1 - p) / n), centre - half, centre + half, trials};
}

Finding not_tested(const std::string& claim,
                   const std::string& section,
                   const std::string& reason) {
  return {.claim = claim, .section = section, .sentence = reason};
}

}  // namespace parallax::lab
