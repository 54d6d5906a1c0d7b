// The element-wise kernels that dispatch has chosen.
#pragma once

#include "core/ops/common/autograd_support.h"
#include "core/ops/elementwise/kernels.h"

namespace parallax::fused {

// The kernels for storage type S.
template <class S>
const kernels::ElementwiseKernels<S>& elementwise_kernels() {
  return table_of<S>(select_table(
      kernels::kElementwisePortable, kernels::kElementwiseAvx2, kernels::kElementwiseAvx512));
}

}  // namespace parallax::fused
