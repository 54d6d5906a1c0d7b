// What charts on pages and in images share: colours, extents, round tick values along an axis.
#pragma once

#include <vector>

namespace parallax::axes {

inline constexpr const char* kColours[] = {"#4063d8",
                                           "#cb3c33",
                                           "#389826",
                                           "#9558b2",
                                           "#d68a00",
                                           "#118c8b",
                                           "#7a7a7a",
                                           "#b03a6f",
                                           "#5a7d2a",
                                           "#6a4f2d"};

// The range of an axis.
struct Extent {
  double low = 0;
  double high = 1;
  double place(double value, double from, double to) const {
    return from + (value - low) / (high - low) * (to - from);
  }
};

// From the smallest to the largest finite value, with some margin.
Extent extent_of(const std::vector<double>& values);

// About five round values between the ends of an axis.
std::vector<double> ticks(double low, double high);

}  // namespace parallax::axes
