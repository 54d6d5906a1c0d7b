// Where tests of models and of the layer compute: on the CPU, or where PARALLAX_TEST_DEVICE says.
#pragma once

#include <cstdlib>

#include "core/base/device.h"
#include "tests/support/kernel_cases.h"

namespace parallax::testing {

inline torch::Device test_device() {
  const char* name = std::getenv("PARALLAX_TEST_DEVICE");
  return name == nullptr || *name == '\0' ? torch::Device(torch::kCPU) : parse_device(name);
}

// The tensor there, in that dtype.
inline Tensor on_test_device(const Tensor& x, torch::Dtype dtype) {
  return x.to(test_device(), dtype);
}

// The same numbers in float64 on the CPU.
inline Tensor in_float64(const Tensor& x) { return x.to(torch::kCPU, torch::kFloat64); }

// ‖got − expected‖ / ‖expected‖, wherever they are.
inline double device_error(const Tensor& got, const Tensor& expected) {
  return relative_difference(in_float64(got), in_float64(expected));
}

}  // namespace parallax::testing
