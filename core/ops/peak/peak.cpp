// Bursts of the loops on all threads.
#include "core/ops/peak/peak.h"

#include <algorithm>
#include <numeric>

#include "core/base/clock.h"
#include "core/ops/common/parallel_for.h"

namespace parallax {
namespace {

constexpr int64_t kRoundsOfBurst = int64_t{1} << 18;

}  // namespace

const kernels::PeakLoop& peak_loop(KernelPath path) {
  switch (path) {
    case KernelPath::kAvx512:
      return kernels::kPeakAvx512;
    case KernelPath::kAvx2:
      return kernels::kPeakAvx2;
    default:
      return kernels::kPeakPortable;
  }
}

const kernels::PeakLoop& fastest_peak_loop(torch::Dtype dtype) {
  const KernelPath fastest = available_kernel_paths().back();
  const bool has_pairs = fastest == KernelPath::kAvx512 && has_bfloat16_instructions();
  return dtype == torch::kBFloat16 && has_pairs ? kernels::kPeakBfloat16 : peak_loop(fastest);
}

void InstructionPeak::run_burst() {
  const int64_t threads = at::get_num_threads();
  const auto operations = static_cast<double>(kRoundsOfBurst * loop_.operations_per_round);
  fastest_.resize(threads);
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto start = Clock::now();
      loop_.run(kRoundsOfBurst);
      fastest_[i] = std::max(fastest_[i], operations / seconds_since(start));
    }
  });
}

double InstructionPeak::operations_per_second() const {
  return std::accumulate(fastest_.begin(), fastest_.end(), 0.0);
}

}  // namespace parallax
