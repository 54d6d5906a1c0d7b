// Fused kernels against the same work in LibTorch operations, on every instruction set that this
// processor has: values, gradients, precisions.
#pragma once

#include <ATen/Parallel.h>

#include <functional>
#include <string>
#include <vector>

#include "core/base/torch.h"
#include "core/ops/common/dispatch.h"

namespace parallax::testing {

using Operator = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

// An operator with its inputs; undefined ones stay undefined.
struct OperatorCase {
  std::string name;
  Operator run;
  std::vector<Tensor> inputs;  // float64
};

// Sets LibTorch's number of threads during its lifetime.
class ThreadCountGuard {
 public:
  explicit ThreadCountGuard(int threads) : before_(at::get_num_threads()) {
    at::set_num_threads(threads);
  }
  ~ThreadCountGuard() { at::set_num_threads(before_); }
  ThreadCountGuard(const ThreadCountGuard&) = delete;
  ThreadCountGuard& operator=(const ThreadCountGuard&) = delete;

 private:
  int before_;
};

Tensor normal(at::IntArrayRef shape);  // float64

double relative_difference(const Tensor& got, const Tensor& expected);

// All kernel paths except the reference.
std::vector<KernelPath> fused_paths();

// Compares values, and gradients of a random functional of them, in float64.
void expect_equal_to_reference(const std::vector<OperatorCase>& cases);

// The largest relative differences allowed in each precision.
struct PrecisionTolerances {
  double float32 = 0;
  double bfloat16 = 0;
  double bfloat16_gradients = bfloat16;
};

// Compares values and gradients in lower precisions with those in float64 from the same rounded
// inputs.
void expect_low_precisions_close(const std::vector<OperatorCase>& cases,
                                 const PrecisionTolerances& tolerances);

}  // namespace parallax::testing
