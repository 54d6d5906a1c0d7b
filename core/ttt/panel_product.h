// Products by panels on the kernels of the path in use, panels shared out to the threads.
#pragma once

#include <memory>

#include "core/ttt/fused_support.h"
#include "core/ttt/kernels/panel_product.h"
#include "core/ttt/threads.h"

namespace parallax {

template <class T>
const kernels::PanelKernels<T>& panel_kernels() {  // of float or double
  return fused::table_of<T>(
      fused::for_this_path(kernels::kPanelsPortable, kernels::kPanelsAvx2, kernels::kPanelsAvx512));
}

template <class T>
void multiply_panels(const kernels::PanelKernels<T>& kernel,
                     const kernels::PanelProduct<T>& product) {
  at::parallel_for(0, product.cols / kernel.panel_width, 1, [&](int64_t begin, int64_t end) {
    const auto scratch =
        std::make_unique_for_overwrite<T[]>(static_cast<size_t>(kernel.scratch(product)));
    kernel.product(product, begin, end, scratch.get());
  });
}

}  // namespace parallax
