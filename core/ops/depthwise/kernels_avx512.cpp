// The depthwise kernels for processors with AVX-512.
#include "core/ops/depthwise/kernels.h"

namespace parallax::kernels {
namespace avx512 {

constexpr int kRegisterBytes = 64;
#include "core/ops/depthwise/kernels-inl.h"

}  // namespace avx512

const DepthwiseTables kDepthwiseAvx512 = avx512::depthwise_tables();

}  // namespace parallax::kernels
