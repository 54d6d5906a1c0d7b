// Products by panels on the kernels of the path in use, panels shared out to the threads.
#pragma once

#include <ATen/Parallel.h>

#include <memory>

#include "core/ttt/fused_support.h"
#include "core/ttt/kernels/panel_product.h"

namespace parallax {

template <class T>
void multiply_panels(const kernels::PanelProduct<T>& product) {  // of float or double
  const auto& kernel = fused::table_of<T>(
      fused::for_this_path(kernels::kPanelsPortable, kernels::kPanelsAvx2, kernels::kPanelsAvx512));
  at::parallel_for(0, product.cols / kernel.panel_width, 1, [&](int64_t begin, int64_t end) {
    const auto packed = std::make_unique_for_overwrite<T[]>(
        static_cast<size_t>(product.inner * kernel.panel_width));
    kernel.product(product, begin, end, packed.get());
  });
}

}  // namespace parallax
