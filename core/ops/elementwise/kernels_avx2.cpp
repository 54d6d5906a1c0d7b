// The element-wise kernels for processors with AVX2 and FMA.
#include "core/ops/elementwise/kernels.h"

namespace parallax::kernels {
namespace avx2 {

#include "core/ops/elementwise/kernels-inl.h"

}  // namespace avx2

const ElementwiseTables kElementwiseAvx2 = avx2::elementwise_tables();

}  // namespace parallax::kernels
