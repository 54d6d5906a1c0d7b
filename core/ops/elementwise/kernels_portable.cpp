// The element-wise kernels for any processor.
#include "core/ops/elementwise/kernels.h"

namespace parallax::kernels {
namespace portable {

#include "core/ops/elementwise/kernels-inl.h"

}  // namespace portable

const ElementwiseTables kElementwisePortable = portable::elementwise_tables();

}  // namespace parallax::kernels
