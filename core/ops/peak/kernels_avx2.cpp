// The loop for processors with AVX2 and FMA.
#include "core/ops/peak/kernels.h"

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {
namespace avx2 {

constexpr int kRegisterBytes = 32;
#include "core/ops/peak/kernels-inl.h"

}  // namespace avx2

const PeakLoop kPeakAvx2 = {"AVX2 float32 multiply-adds",
                            2 * avx2::kSumLanes,
                            avx2::multiply_and_add_floats};

}  // namespace parallax::kernels
