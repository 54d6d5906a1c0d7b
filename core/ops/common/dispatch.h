// Which implementation of an operator runs: the LibTorch reference, or fused kernels for this
// processor. This is the only place where that is decided.
#pragma once

#include <string_view>
#include <vector>

#include "core/base/torch.h"

namespace parallax {

// The implementations from the slowest to the fastest. Fused kernels are compiled once per
// instruction set.
enum class KernelPath { kReference, kPortable, kAvx2, kAvx512 };

std::string_view kernel_path_name(KernelPath path);  // "reference", "portable", "avx2", "avx512"

// All paths that this processor can run.
std::vector<KernelPath> available_kernel_paths();

// The path in use: the innermost KernelPathGuard's, else the one that the environment variable
// PARALLAX_KERNELS names, else the fastest. Throws UsageError if the variable names an unknown path
// or one that this processor cannot run.
KernelPath kernel_path();

// True where the processor has instructions that multiply bfloat16 (AVX512_BF16).
bool has_bfloat16_instructions();

// Overrides the path in all threads while it lives, for comparing paths in one process.
class KernelPathGuard {
 public:
  explicit KernelPathGuard(KernelPath path);
  ~KernelPathGuard();
  KernelPathGuard(const KernelPathGuard&) = delete;
  KernelPathGuard& operator=(const KernelPathGuard&) = delete;

 private:
  int previous_;
};

// True where fused element-wise kernels take this tensor: it is on the CPU, in float32, float64 or
// bfloat16, and the path in use is not the reference.
bool has_fused_kernels(const Tensor& tensor);

}  // namespace parallax
