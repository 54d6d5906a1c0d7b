// Computes extents and ticks.
#include "apps/report/axes.h"

#include <algorithm>
#include <cmath>

namespace parallax::axes {

std::vector<double> ticks(double low, double high) {
  const double raw = (high - low) / 5;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = power;
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (factor * power >= raw) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> values;
  for (double value = std::ceil(low / step) * step; value <= high + step * 1e-9; value += step) {
    values.push_back(std::abs(value) < step * 1e-9 ? 0 : value);  // never "-0"
  }
  return values;
}

Extent extent_of(const std::vector<double>& values) {
  Extent extent{1e300, -1e300};
  for (const double value : values) {
    if (std::isfinite(value)) {
      extent.low = std::min(extent.low, value);
      extent.high = std::max(extent.high, value);
    }
  }
  if (extent.low > extent.high) {
    return {};
  }
  const double margin =
      std::max((extent.high - extent.low) * 0.05, 1e-6 + std::abs(extent.high) * 1e-3);
  return {extent.low - margin, extent.high + margin};
}

}  // namespace parallax::axes
