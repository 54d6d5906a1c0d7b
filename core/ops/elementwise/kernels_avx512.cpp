// The element-wise kernels for processors with AVX-512.
#include "core/ops/elementwise/kernels.h"

namespace parallax::kernels {
namespace avx512 {

#include "core/ops/elementwise/kernels-inl.h"

}  // namespace avx512

const ElementwiseTables kElementwiseAvx512 = avx512::elementwise_tables();

}  // namespace parallax::kernels
