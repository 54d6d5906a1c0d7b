// Rounds of alternating runs, medians, and a power law through them.
#include "apps/report/timing.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/clock.h"

namespace parallax {
namespace {

double seconds_per_run(const std::function<void()>& run, double min_seconds) {
  const auto start = Clock::now();
  int runs = 0;
  double elapsed = 0;
  do {
    run();
    ++runs;
    elapsed = seconds_since(start);
  } while (elapsed < min_seconds);
  return elapsed / runs;
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<std::vector<double>> paired_seconds(const std::vector<std::function<void()>>& cases,
                                                const TimingOptions& options) {
  std::vector<std::vector<double>> seconds(cases.size());
  for (const auto& run : cases) {
    run();
  }
  for (int round = 0; round < options.repeats; ++round) {
    for (size_t i = 0; i < cases.size(); ++i) {
      const size_t index = round % 2 == 0 ? i : cases.size() - 1 - i;
      seconds[index].push_back(seconds_per_run(cases[index], options.min_seconds));
    }
  }
  return seconds;
}

double fitted_exponent(const std::vector<double>& x, const std::vector<double>& y) {
  if (x.size() < 2 || x.size() != y.size()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  double mean_x = 0;
  double mean_y = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    mean_x += std::log(x[i]) / static_cast<double>(x.size());
    mean_y += std::log(y[i]) / static_cast<double>(x.size());
  }
  double covariance = 0;
  double variance = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double dx = std::log(x[i]) - mean_x;
    covariance += dx * (std::log(y[i]) - mean_y);
    variance += dx * dx;
  }
  return covariance / variance;
}

}  // namespace parallax
