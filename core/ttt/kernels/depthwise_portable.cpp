// The depthwise kernels for any processor.
#include "core/ttt/kernels/depthwise.h"

namespace parallax::kernels {
namespace portable {

constexpr int kRegisterBytes = 16;
#include "core/ttt/kernels/depthwise_body.h"

}  // namespace portable

const DepthwiseTables kDepthwisePortable = portable::depthwise_tables();

}  // namespace parallax::kernels
