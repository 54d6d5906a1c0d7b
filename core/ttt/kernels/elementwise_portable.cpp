// The element-wise kernels for any processor.
#include "core/ttt/kernels/elementwise.h"

namespace parallax::kernels {
namespace portable {

#include "core/ttt/kernels/elementwise_body.h"

}  // namespace portable

const ElementwiseTables kElementwisePortable = portable::elementwise_tables();

}  // namespace parallax::kernels
