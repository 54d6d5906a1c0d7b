// GEMM on the kernels of the path in use, its panels shared among the threads.
#pragma once

#include <algorithm>

#include "core/ops/common/aligned_vector.h"
#include "core/ops/common/autograd_support.h"
#include "core/ops/common/parallel_for.h"
#include "core/ops/matmul/gemm.h"

namespace parallax {

// The kernels of the path in use.
template <class T>
const kernels::GemmKernels<T>& gemm_kernels() {  // of float or double
  return fused::table_of<T>(
      fused::select_table(kernels::kGemmPortable, kernels::kGemmAvx2, kernels::kGemmAvx512));
}

// Whether the kernels that multiply in bfloat16 can run here.
inline bool has_bfloat16_gemm() {
  return has_bfloat16_instructions() && kernel_path() == KernelPath::kAvx512;
}

// Whether Gemm takes this many columns.
inline bool is_tile_multiple(int64_t cols) { return cols % kernels::kTileMultiple == 0; }

inline int64_t round_up_to_tile(int64_t cols) {  // to what Gemm takes
  constexpr int64_t kMultiple = kernels::kTileMultiple;
  return (cols + kMultiple - 1) / kMultiple * kMultiple;
}

// A batch of products without x and y: how many, and how far apart their matrices are stored.
struct ProductBatch {
  // Distances between matrices along both batch dimensions, in elements.
  struct Strides {
    int64_t outer = 0;
    int64_t inner = 0;
  };

  int64_t outer = 1;
  int64_t inner = 1;
  Strides a;
  Strides b;
  Strides c;

  int64_t count() const { return outer * inner; }
  int64_t offset(const Strides& strides, int64_t i) const {
    return i / inner * strides.outer + i % inner * strides.inner;
  }
};

// Computes a batch of products; `product` has the pointers of the first one.
template <class A, class B, class C>
void threaded_gemm(const kernels::GemmKernel<A, B, C>& kernel,
                   const kernels::Gemm<A, B, C>& product,
                   const ProductBatch& batch = {}) {
  using Number = kernels::Compute<A>;
  const int64_t panels = product.cols / kernel.panel_width;
  at::parallel_for(0, batch.count() * panels, 1, [&](int64_t begin, int64_t end) {
    AlignedVector<Number> scratch(static_cast<size_t>(kernel.scratch(product)));
    kernels::Gemm<A, B, C> one = product;
    for (int64_t i = begin / panels; i * panels < end; ++i) {
      one.a = product.a + batch.offset(batch.a, i);
      one.b = product.b + batch.offset(batch.b, i);
      one.c = product.c + batch.offset(batch.c, i);
      kernel.product(one,
                     std::max<int64_t>(begin - i * panels, 0),
                     std::min(end - i * panels, panels),
                     scratch.data());
    }
  });
}

}  // namespace parallax
