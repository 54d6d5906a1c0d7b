// The loop for processors with AVX-512.
#include "core/ops/peak/kernels.h"

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {
namespace avx512 {

constexpr int kRegisterBytes = 64;
#include "core/ops/peak/kernels-inl.h"

}  // namespace avx512

const PeakLoop kPeakAvx512 = {"AVX-512 float32 multiply-adds",
                              2 * avx512::kSumLanes,
                              avx512::multiply_and_add_floats};

}  // namespace parallax::kernels
