// Whether two sets of vectors are of one distribution: maximum mean discrepancy with its
// permutation test, and how well a classifier tells them apart.
#pragma once

#include "core/base/torch.h"
#include "vision/metrics/statistics.h"

namespace parallax::lab {

// Maximum mean discrepancy (Gretton et al., JMLR 13, 2012).
struct Discrepancy {
  double value = 0;    // the square root of the unbiased estimate, 0 where that is negative
  double p_value = 1;  // the share of permutations with at least this value
};

// With a Gaussian kernel whose width is the median distance of all rows.
Discrepancy mean_discrepancy(const Tensor& a,  // [N, D]
                             const Tensor& b,  // [M, D]
                             int permutations,
                             uint64_t seed);

// The classifier two-sample test (Lopez-Paz and Oquab, ICLR 2017): the share of the rows of the
// second halves of a and b that 5 nearest neighbours in the first halves assign to the right set.
// 0.5 for equal distributions; the interval takes the rows for independent.
Estimate two_sample_accuracy(const Tensor& a, const Tensor& b);

}  // namespace parallax::lab
