// Means with their uncertainty, and differences between things that were measured in pairs.
#pragma once

#include <cstddef>
#include <vector>

namespace parallax {

// A mean with its standard error and the interval that holds the true mean in 95 of 100 cases if
// the values are independent (Student's t). Error and interval are NaN for fewer than two values.
struct Estimate {
  double mean = 0;
  double standard_error = 0;
  double low = 0;
  double high = 0;
  size_t count = 0;  // of values; infinite ones and NaN do not count
};
Estimate estimate_mean(const std::vector<double>& values);

// The mean of first[i] − second[i]. Both must have the same length.
Estimate estimate_difference(const std::vector<double>& first, const std::vector<double>& second);

// Half the width of a 95 % interval in standard errors: the 97.5 % quantile of Student's t. NaN for
// no degrees of freedom.
double student_t95(size_t degrees_of_freedom);

}  // namespace parallax
