// Which implementation of an operator runs: the LibTorch reference, or fused kernels for this
// processor. The one place where that is decided.
#pragma once

#include <string_view>
#include <vector>

#include "core/base/torch.h"

namespace parallax {

// From the slowest to the fastest. Fused kernels are compiled once for each instruction set.
enum class KernelPath { kReference, kPortable, kAvx2, kAvx512 };

std::string_view kernel_path_name(KernelPath path);  // "reference", "portable", "avx2", "avx512"

// Every path that this processor can run.
std::vector<KernelPath> available_kernel_paths();

// The path in use: the fastest there is, or what the environment variable PARALLAX_KERNELS names,
// or what the innermost KernelPathGuard says. Throws UsageError if the variable names none or one
// that this processor cannot run.
KernelPath kernel_path();

// True where the processor multiplies bfloat16 numbers itself.
bool has_bfloat16_instructions();

// Chooses a path while it lives, for comparing paths in one process. For all threads.
class KernelPathGuard {
 public:
  explicit KernelPathGuard(KernelPath path);
  ~KernelPathGuard();
  KernelPathGuard(const KernelPathGuard&) = delete;
  KernelPathGuard& operator=(const KernelPathGuard&) = delete;

 private:
  int previous_;
};

// True where fused element-wise kernels take this tensor: on the CPU, in float32, float64 or
// bfloat16, with a path other than the reference in use.
bool has_fused_kernels(const Tensor& tensor);

}  // namespace parallax
