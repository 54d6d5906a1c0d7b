// The most that this processor's multiply-add instructions can do, measured on registers alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/torch.h"
#include "core/ops/common/dispatch.h"
#include "core/ops/peak/kernels.h"

namespace parallax {

// The loop of a path's instructions; the reference has none of its own and gets the portable one.
const kernels::PeakLoop& peak_loop(KernelPath path);

// The loop of the fastest instructions that this processor has for products of such numbers,
// whichever kernels are in use. Without bfloat16 instructions bfloat16 numbers are multiplied as
// float32 ones. Matrix tiles (AMX) are not among the instructions.
const kernels::PeakLoop& fastest_peak_loop(torch::Dtype dtype);

// Measures in bursts below a millisecond on all threads at once: on a machine that has other work,
// some of many are not interrupted. Each thread's fastest burst counts, as threads are rarely left
// alone at the same moment. Where several threads share a core, the sum may be more than the core
// can do: a peak that is too high makes shares too low, not too good.
class InstructionPeak {
 public:
  explicit InstructionPeak(torch::Dtype dtype) : loop_(fastest_peak_loop(dtype)) {}

  // One burst on all of LibTorch's threads.
  void run_burst();

  std::string instructions() const { return loop_.instructions; }
  double operations_per_second() const;  // the sum of all threads' fastest; 0 before the first

 private:
  const kernels::PeakLoop& loop_;
  std::vector<double> fastest_;  // of each thread
};

}  // namespace parallax
