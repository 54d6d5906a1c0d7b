// The loop for any processor.
#include "core/ops/peak/kernels.h"

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {
namespace portable {

constexpr int kRegisterBytes = 16;
#include "core/ops/peak/kernels-inl.h"

}  // namespace portable

const PeakLoop kPeakPortable = {"SSE2 float32 multiplications and additions",
                                2 * portable::kSumLanes,
                                portable::multiply_and_add_floats};

}  // namespace parallax::kernels
