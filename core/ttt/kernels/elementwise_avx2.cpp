// The element-wise kernels for processors with AVX2 and FMA.
#include "core/ttt/kernels/elementwise.h"

namespace parallax::kernels {
namespace avx2 {

#include "core/ttt/kernels/elementwise_body.h"

}  // namespace avx2

const ElementwiseTables kElementwiseAvx2 = avx2::elementwise_tables();

}  // namespace parallax::kernels
