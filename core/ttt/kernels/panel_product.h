// Products by panels of columns, for symmetric results half of them; compiled once for each
// instruction set (see elementwise.h).
#pragma once

#include <cstdint>

#include "core/ttt/kernels/elementwise.h"

namespace parallax::kernels {

// c [rows, cols] = scale · a b, or that is added to c. Element (i, k) of a lies at i · a_row + k ·
// a_inner; b [inner, cols], or transposed [cols, inner], and c are row-major, rows b_stride and
// c_stride apart. Columns are a multiple of kPanelMultiple, for which there is memory; where they
// are more than wanted, b holds zeros there.
template <class T, class C = T>
struct PanelProduct {
  std::int64_t rows = 0;
  std::int64_t inner = 0;
  std::int64_t cols = 0;
  const T* a = nullptr;
  std::int64_t a_row = 0;
  std::int64_t a_inner = 0;
  const T* b = nullptr;
  std::int64_t b_stride = 0;
  bool b_transposed = false;
  C* c = nullptr;
  std::int64_t c_stride = 0;
  Compute<T> scale = 1;
  bool add = false;
  bool symmetric = false;  // c is square: what lies above the diagonal is a mirror image
};

inline constexpr std::int64_t kPanelMultiple = 32;

template <class T, class C = T>
struct PanelProducts {
  std::int64_t panel_width;
  // How many numbers of scratch `product` needs.
  std::int64_t (*scratch)(const PanelProduct<T, C>&);
  // Panels [begin, end) of cols / panel_width; in turn long and short ones of a symmetric product.
  void (*product)(const PanelProduct<T, C>&,
                  std::int64_t begin,
                  std::int64_t end,
                  Compute<T>* scratch);
};

template <class T>
struct PanelKernels : PanelProducts<T> {
  // out ← alpha x + beta y
  void (*combine)(T alpha, const T* x, T beta, const T* y, std::int64_t count, T* out);
  // c ← c + scale · a b, all [side, side], of sides that do not fill panels.
  void (*add_small_product)(std::int64_t side, T scale, const T* a, const T* b, T* c);
};

struct PanelTables {
  PanelKernels<float> f32;
  PanelKernels<double> f64;
};

extern const PanelTables kPanelsPortable;
extern const PanelTables kPanelsAvx2;
extern const PanelTables kPanelsAvx512;
// The factors, b as it is, rounded to bfloat16, sums and the rest in float32: for processors with
// AVX-512 and bfloat16 instructions.
extern const PanelKernels<float> kPanelsBfloat16;
// The same of factors that are bfloat16, rows an even number of them apart where their neighbours
// are along the inner dimension; without a scale or symmetry, and without adding to bfloat16.
extern const PanelProducts<BFloat16Bits> kPanelsOfBfloat16;
extern const PanelProducts<BFloat16Bits, float> kPanelsOfBfloat16ToFloat32;

}  // namespace parallax::kernels
