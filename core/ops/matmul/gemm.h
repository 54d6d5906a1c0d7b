// Matrix products (GEMM) by panels of columns, for symmetric results (syrk) only one triangle of
// them; compiled once per instruction set (see core/ops/elementwise/kernels.h).
#pragma once

#include <cstdint>

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {

// Memory to prefetch while the current product runs.
struct PrefetchRange {
  const void* from = nullptr;
  std::int64_t bytes = 0;
};

// Two bfloat16 elements, neighbours along the inner dimension of a product (VNNI-packed).
using VnniPair = std::uint32_t;
inline constexpr std::int64_t kVnniColumns = 16;  // columns per strip of pairs

// c [rows, cols] = scale · a b + x_scale · x + y_scale · y. Element (i, k) of a is at a[i · a_row +
// k · a_inner]; b [inner, cols], or transposed [cols, inner], c, x and y are row-major, their rows
// b_stride, c_stride and xy_stride apart. cols is a multiple of kTileMultiple, for which there must
// be memory; columns beyond the wanted ones get what b holds there.
template <class A, class B = A, class C = A>
struct Gemm {
  using Number = Compute<A>;  // of sums, scales, x and y
  std::int64_t rows = 0;
  std::int64_t inner = 0;
  std::int64_t cols = 0;
  const A* a = nullptr;
  std::int64_t a_row = 0;
  std::int64_t a_inner = 0;
  bool a_is_upper = false;  // trmm: elements (i, k) with k < i are zeros; most are not read
  const B* b = nullptr;
  std::int64_t b_stride = 0;
  bool b_transposed = false;
  C* c = nullptr;
  std::int64_t c_stride = 0;
  Number scale = 1;
  const Number* x = nullptr;  // null: nothing to add; may be c
  Number x_scale = 1;
  const Number* y = nullptr;  // the same; only together with x
  Number y_scale = 1;
  std::int64_t xy_stride = 0;
  // c is square and symmetric (syrk): above the diagonal it is a mirror image, and x and y are not
  // read there.
  bool symmetric = false;
  // For kernels with takes_vnni, else null: symmetric factors, read instead of a and b, and a
  // symmetric result, which then has no mirror image in c. All are rounded to bfloat16 and
  // VNNI-packed: strips of kVnniColumns columns one after the other, each with its rows 2 k and 2 k
  // + 1 as pairs.
  const VnniPair* a_vnni = nullptr;
  const VnniPair* b_vnni = nullptr;
  VnniPair* c_vnni = nullptr;
  PrefetchRange next[2];  // in addition to what the product itself reads
};

inline constexpr std::int64_t kTileMultiple = 32;  // a multiple of every kernel's panel width

// The kernel for one combination of storage types.
template <class A, class B = A, class C = A>
struct GemmKernel {
  std::int64_t panel_width;  // columns
  bool takes_vnni;           // whether it reads and writes the *_vnni members of Gemm
  // How many elements of scratch `product` needs.
  std::int64_t (*scratch)(const Gemm<A, B, C>&);
  // Packs all of b, as b_vnni takes it, into round_up(inner, 2) / 2 · cols pairs, for products that
  // share it; null where a kernel packs nothing in advance.
  void (*pack_b)(const Gemm<A, B, C>&, VnniPair* to);
  // Computes panels [begin, end) of cols / panel_width; of a symmetric product long and short ones
  // alternate in this order.
  void (*product)(const Gemm<A, B, C>&, std::int64_t begin, std::int64_t end, Compute<A>* scratch);
};

// The kernels of one instruction set for one type.
template <class T>
struct GemmKernels : GemmKernel<T> {
  // The same product for dense square matrices (rows = inner = cols) that are too small for panels;
  // only `rows`, the pointers and the scales are read.
  void (*small_gemm)(const Gemm<T>&);
};

// The kernels of one instruction set.
struct GemmTables {
  GemmKernels<float> f32;
  GemmKernels<double> f64;
};

extern const GemmTables kGemmPortable;
extern const GemmTables kGemmAvx2;
extern const GemmTables kGemmAvx512;
// Rounds the factors to bfloat16; sums and all else are float32. For processors with AVX-512 and
// bfloat16 instructions.
extern const GemmKernel<float> kGemmBfloat16;
// The same for a in bfloat16, b and c in bfloat16 or float; not for symmetric products.
template <class B, class C>
const GemmKernel<BFloat16Bits, B, C>& gemm_of_bfloat16();

}  // namespace parallax::kernels
