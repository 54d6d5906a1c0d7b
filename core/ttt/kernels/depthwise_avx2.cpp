// The depthwise kernels for processors with AVX2 and FMA.
#include "core/ttt/kernels/depthwise.h"

namespace parallax::kernels {
namespace avx2 {

constexpr int kRegisterBytes = 32;
#include "core/ttt/kernels/depthwise_body.h"

}  // namespace avx2

const DepthwiseTables kDepthwiseAvx2 = avx2::depthwise_tables();

}  // namespace parallax::kernels
