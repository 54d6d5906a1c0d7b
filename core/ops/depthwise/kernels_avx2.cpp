// The depthwise kernels for processors with AVX2 and FMA.
#include "core/ops/depthwise/kernels.h"

namespace parallax::kernels {
namespace avx2 {

constexpr int kRegisterBytes = 32;
#include "core/ops/depthwise/kernels-inl.h"

}  // namespace avx2

const DepthwiseTables kDepthwiseAvx2 = avx2::depthwise_tables();

}  // namespace parallax::kernels
