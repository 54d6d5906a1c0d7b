// The depthwise kernels for processors with AVX-512.
#include "core/ttt/kernels/depthwise.h"

namespace parallax::kernels {
namespace avx512 {

constexpr int kRegisterBytes = 64;
#include "core/ttt/kernels/depthwise_body.h"

}  // namespace avx512

const DepthwiseTables kDepthwiseAvx512 = avx512::depthwise_tables();

}  // namespace parallax::kernels
