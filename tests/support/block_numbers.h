// Numbers for tests of CUDA kernels' bodies: drawn, stored in a kernel's type, loaded and compared.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "core/ops/cuda/kernels.h"
#include "tests/support/host_block.h"

namespace parallax::testing {

using Numbers = std::vector<double>;

inline Numbers normal(std::int64_t count, int seed) {
  std::mt19937 generator(static_cast<unsigned>(seed));
  std::normal_distribution<double> distribution;
  Numbers numbers(static_cast<size_t>(count));
  std::generate(numbers.begin(), numbers.end(), [&] { return distribution(generator); });
  return numbers;
}

template <class S>
std::vector<S> stored(const Numbers& numbers) {
  std::vector<S> result(numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    cuda::store(static_cast<cuda::Compute<S>>(numbers[i]), result[i]);
  }
  return result;
}

template <class S>
Numbers loaded(const std::vector<S>& numbers) {
  Numbers result;
  for (const S& x : numbers) {
    result.push_back(cuda::load(x));
  }
  return result;
}

inline void expect_near(const Numbers& got, const Numbers& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  double scale = 1e-30;
  for (const double x : expected) {
    scale = std::max(scale, std::abs(x));
  }
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_LE(std::abs(got[i] - expected[i]), tolerance * scale) << "number " << i;
  }
}

// Both ways of running a block; kernels that assume 256 threads would fail the second.
template <class Body, class Check>
void run_both(const cuda::Grid& grid, const Body& body, const Check& check) {
  run_sequentially(grid, body);
  check();
  run_threaded(grid, 32, body);
  check();
}

}  // namespace parallax::testing
