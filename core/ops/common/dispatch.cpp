// The choice of kernels: environment, then processor.
#include "core/ops/common/dispatch.h"

#include <atomic>
#include <cstdlib>
#include <string>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr KernelPath kAllPaths[] = {KernelPath::kReference,
                                    KernelPath::kPortable,
                                    KernelPath::kAvx2,
                                    KernelPath::kAvx512};
constexpr int kNotForced = -1;

// A guard's choice, or kNotForced.
std::atomic<int> forced_path{kNotForced};

bool processor_runs(KernelPath path) {
  switch (path) {
    case KernelPath::kAvx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    case KernelPath::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    default:
      return true;
  }
}

KernelPath path_from_environment() {
  const std::vector<KernelPath> available = available_kernel_paths();
  const char* wanted = std::getenv("PARALLAX_KERNELS");
  if (wanted == nullptr || *wanted == '\0') {
    return available.back();
  }
  std::string names;
  for (const KernelPath path : available) {
    if (kernel_path_name(path) == wanted) {
      return path;
    }
    names += (names.empty() ? "" : ", ") + std::string(kernel_path_name(path));
  }
  throw UsageError(ErrorParts{.what = "there are no such kernels on this processor",
                              .where = "the environment variable PARALLAX_KERNELS",
                              .expected = "one of " + names,
                              .got = std::string("'") + wanted + "'"});
}

}  // namespace

std::string_view kernel_path_name(KernelPath path) {
  switch (path) {
    case KernelPath::kPortable:
      return "portable";
    case KernelPath::kAvx2:
      return "avx2";
    case KernelPath::kAvx512:
      return "avx512";
    default:
      return "reference";
  }
}

std::vector<KernelPath> available_kernel_paths() {
  std::vector<KernelPath> paths;
  for (const KernelPath path : kAllPaths) {
    if (processor_runs(path)) {
      paths.push_back(path);
    }
  }
  return paths;
}

KernelPath kernel_path() {
  const int forced = forced_path.load(std::memory_order_relaxed);
  if (forced != kNotForced) {
    return static_cast<KernelPath>(forced);
  }
  static const KernelPath path = path_from_environment();
  return path;
}

bool has_bfloat16_instructions() { return __builtin_cpu_supports("avx512bf16") != 0; }

KernelPathGuard::KernelPathGuard(KernelPath path)
    : previous_(forced_path.exchange(static_cast<int>(path))) {}

KernelPathGuard::~KernelPathGuard() { forced_path.store(previous_); }

bool has_fused_kernels(const Tensor& tensor) {
  const auto dtype = tensor.scalar_type();
  return tensor.device().is_cpu() &&
         (dtype == torch::kFloat32 || dtype == torch::kFloat64 || dtype == torch::kBFloat16) &&
         kernel_path() != KernelPath::kReference;
}

}  // namespace parallax
