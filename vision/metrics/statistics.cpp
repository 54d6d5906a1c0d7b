// Sums, and a short table of Student's t.
#include "vision/metrics/statistics.h"

#include <cmath>
#include <iterator>
#include <limits>

namespace parallax {

double student_t95(size_t degrees_of_freedom) {
  // Beyond ten: the first terms of the quantile's expansion in 1/n, within 0.0002 of it.
  constexpr double kTable[] = {
      12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};
  if (degrees_of_freedom == 0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (degrees_of_freedom <= std::size(kTable)) {
    return kTable[degrees_of_freedom - 1];
  }
  const auto n = static_cast<double>(degrees_of_freedom);
  return 1.95996 + 2.37228 / n + 2.82350 / (n * n) + 2.5558 / (n * n * n);
}

Estimate estimate_mean(const std::vector<double>& values) {
  Estimate estimate;
  double sum = 0;
  for (const double value : values) {
    if (std::isfinite(value)) {
      sum += value;
      ++estimate.count;
    }
  }
  const auto count = static_cast<double>(estimate.count);
  estimate.mean = sum / count;
  double squares = 0;
  for (const double value : values) {
    if (std::isfinite(value)) {
      squares += (value - estimate.mean) * (value - estimate.mean);
    }
  }
  estimate.standard_error = std::sqrt(squares / (count - 1) / count);
  if (estimate.count < 2) {
    estimate.standard_error = std::numeric_limits<double>::quiet_NaN();
  }
  const double half = estimate.count < 2
                          ? estimate.standard_error
                          : student_t95(estimate.count - 1) * estimate.standard_error;
  estimate.low = estimate.mean - half;
  estimate.high = estimate.mean + half;
  return estimate;
}

Estimate estimate_difference(const std::vector<double>& first, const std::vector<double>& second) {
  std::vector<double> differences;
  differences.reserve(first.size());
  for (size_t i = 0; i < first.size(); ++i) {
    differences.push_back(first[i] - second[i]);
  }
  return estimate_mean(differences);
}

}  // namespace parallax
