// Products by panels of columns, for symmetric results half of them; compiled once for each
// instruction set (see elementwise.h).
#pragma once

#include <cstdint>

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {

// Memory that is needed next: asked for while a product is made, which hides the wait.
struct PrefetchRange {
  const void* from = nullptr;
  std::int64_t bytes = 0;
};

// Two bfloat16 numbers, neighbours along the inner dimension of a product.
using VnniPair = std::uint32_t;
inline constexpr std::int64_t kVnniColumns = 16;

// c [rows, cols] = scale · a b + x_scale · x + y_scale · y. Element (i, k) of a lies at i · a_row +
// k · a_inner; b [inner, cols], or transposed [cols, inner], c, and x and y are row-major, rows
// b_stride, c_stride and xy_stride apart. Columns are a multiple of kTileMultiple, for which there
// is memory; where they are more than wanted, c gets what b holds there.
template <class A, class B = A, class C = A>
struct Gemm {
  using Number = Compute<A>;
  std::int64_t rows = 0;
  std::int64_t inner = 0;
  std::int64_t cols = 0;
  const A* a = nullptr;
  std::int64_t a_row = 0;
  std::int64_t a_inner = 0;
  bool a_is_upper = false;  // elements (i, k) with k < i are zeros: most are not read
  const B* b = nullptr;
  std::int64_t b_stride = 0;
  bool b_transposed = false;
  C* c = nullptr;
  std::int64_t c_stride = 0;
  Number scale = 1;
  const Number* x = nullptr;  // null: nothing to add; may be c
  Number x_scale = 1;
  const Number* y = nullptr;  // the same; only beside x
  Number y_scale = 1;
  std::int64_t xy_stride = 0;
  // c is square: what lies above the diagonal is a mirror image, and x and y are not read there.
  bool symmetric = false;
  // Of kernels that take pairs, null elsewhere: symmetric factors that are read instead of a and b,
  // and what becomes of a symmetric result, which then has no mirror image in c. Rounded to
  // bfloat16; kVnniColumns columns after the others, of each strip the rows 2 k and 2 k + 1 as
  // pairs.
  const VnniPair* a_vnni = nullptr;
  const VnniPair* b_vnni = nullptr;
  VnniPair* c_vnni = nullptr;
  PrefetchRange next[2];  // beside what the product itself reads
};

inline constexpr std::int64_t kTileMultiple = 32;

template <class A, class B = A, class C = A>
struct GemmKernel {
  std::int64_t panel_width;
  bool takes_vnni;
  // How many numbers of scratch `product` needs.
  std::int64_t (*scratch)(const Gemm<A, B, C>&);
  // Panels [begin, end) of cols / panel_width; in turn long and short ones of a symmetric product.
  void (*product)(const Gemm<A, B, C>&, std::int64_t begin, std::int64_t end, Compute<A>* scratch);
};

template <class T>
struct GemmKernels : GemmKernel<T> {
  // The same of dense matrices whose rows, inner size and columns are alike, too few to fill
  // panels.
  void (*small_gemm)(const Gemm<T>&);
};

struct GemmTables {
  GemmKernels<float> f32;
  GemmKernels<double> f64;
};

extern const GemmTables kGemmPortable;
extern const GemmTables kGemmAvx2;
extern const GemmTables kGemmAvx512;
// The factors rounded to bfloat16, sums and the rest in float32: for processors with AVX-512 and
// bfloat16 instructions.
extern const GemmKernel<float> kGemmBfloat16;
// The same of an a that is bfloat16, B and C bfloat16 or float; without symmetry.
template <class B, class C>
const GemmKernel<BFloat16Bits, B, C>& gemm_of_bfloat16();

}  // namespace parallax::kernels
