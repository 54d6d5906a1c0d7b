// The depthwise kernels for any processor.
#include "core/ops/depthwise/kernels.h"

namespace parallax::kernels {
namespace portable {

constexpr int kRegisterBytes = 16;
#include "core/ops/depthwise/kernels-inl.h"

}  // namespace portable

const DepthwiseTables kDepthwisePortable = portable::depthwise_tables();

}  // namespace parallax::kernels
