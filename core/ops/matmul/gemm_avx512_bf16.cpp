// The GEMM kernels for processors with AVX-512 and bfloat16 instructions: they multiply pairs of
// factors that are bfloat16 or are rounded to it, and sum the products in float32.
#include <immintrin.h>

#include <type_traits>
#include <utility>

#include "core/ops/common/kernel_types.h"
#include "core/ops/matmul/gemm.h"

namespace parallax::kernels {
namespace avx512_bfloat16 {

// The counterpart of store_elements() in gemm-inl.h, for processors that can round.
inline void store_elements(const __m512& numbers, BFloat16Bits* to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(numbers)));
}

constexpr int kRegisterBytes = 64;
#include "core/ops/matmul/gemm-inl.h"

constexpr std::int64_t kLanes = kLanesOf<float>;
constexpr std::int64_t kWidth = kPanelWidth<float>;
static_assert(kLanes == kVnniColumns);
// For the functions that inner loops consist of.
#define PARALLAX_INLINE inline __attribute__((always_inline))

using Pair = VnniPair;

PARALLAX_INLINE __mmask16 first_lanes(std::int64_t count) {
  return count >= kLanes ? 0xFFFF : static_cast<__mmask16>((1U << count) - 1U);
}

PARALLAX_INLINE __m256i loaded(const float* from, __mmask16 mask) {
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from)));
}

PARALLAX_INLINE __m256i loaded(const BFloat16Bits* from, __mmask16 mask) {
  return _mm256_maskz_loadu_epi16(mask, from);
}

// kLanes elements of each of two rows, one row after the other.
PARALLAX_INLINE __m512i loaded_rows(const float* lower, const float* upper) {
  return reinterpret_cast<__m512i>(
      _mm512_cvtne2ps_pbh(_mm512_loadu_ps(upper), _mm512_loadu_ps(lower)));
}

PARALLAX_INLINE __m512i joined(__m256i lower, __m256i upper) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(lower), upper, 1);
}

PARALLAX_INLINE __m512i loaded_rows(const BFloat16Bits* lower, const BFloat16Bits* upper) {
  return joined(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(lower)),
                _mm256_loadu_si256(reinterpret_cast<const __m256i*>(upper)));
}

// Pairs of the two rows' elements at the same index.
PARALLAX_INLINE __m512i paired(__m512i rows) {
  using Words = typename VectorOf<std::uint16_t, kRegisterBytes>::Type;
  constexpr Words kPlaces = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                             8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(reinterpret_cast<__m512i>(kPlaces), rows);
}

// kLanes pairs of neighbouring elements.
PARALLAX_INLINE __m512i loaded_pairs(const float* from) {
  const __m512 low = _mm512_loadu_ps(from);
  const __m512 high = _mm512_loadu_ps(from + kLanes);
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

PARALLAX_INLINE __m512i loaded_pairs(const BFloat16Bits* from) { return _mm512_loadu_si512(from); }

// `count` elements, at most kLanes, of a matrix's rows k and k + 1 (null: zeros) as pairs.
template <class T>
PARALLAX_INLINE __m512i pairs_of_rows(const T* lower, const T* upper, std::int64_t count) {
  if (count >= kLanes && upper != nullptr) {
    return paired(loaded_rows(lower, upper));
  }
  const __mmask16 mask = first_lanes(count);
  return paired(
      joined(loaded(lower, mask), upper != nullptr ? loaded(upper, mask) : _mm256_setzero_si256()));
}

// Packs rows of `count` elements as pairs, in strips of kLanes columns.
template <class T>
void pack_strips(const T* from,
                 std::int64_t stride,
                 std::int64_t rows,
                 std::int64_t count,
                 Pair* to) {
  constexpr std::int64_t kRowsAhead = 16;  // the processor does not anticipate short rows
  const std::int64_t pairs = (rows + 1) / 2;
  for (std::int64_t k = 0; k < pairs; ++k) {
    const T* const lower = from + 2 * k * stride;
    const T* const upper = 2 * k + 1 < rows ? lower + stride : nullptr;
    const bool has_more = 2 * k + 1 + kRowsAhead < rows;
    for (std::int64_t j = 0; j < count; j += kLanes) {
      if (has_more) {
        __builtin_prefetch(lower + kRowsAhead * stride + j);
        __builtin_prefetch(upper + kRowsAhead * stride + j);
      }
      _mm512_storeu_si512(
          to + j * pairs + k * kLanes,
          pairs_of_rows(lower + j, upper != nullptr ? upper + j : nullptr, count - j));
    }
  }
}

// Packs a row; its pairs are neighbours already.
template <class T>
void pack_row(const T* row, std::int64_t count, Pair* pairs) {
  const std::int64_t whole = count / (2 * kLanes) * kLanes;
  for (std::int64_t k = 0; k < whole; k += kLanes) {
    _mm512_storeu_si512(pairs + k, loaded_pairs(row + 2 * k));
  }
  auto* numbers = reinterpret_cast<std::uint16_t*>(pairs);
  for (std::int64_t k = 2 * whole; k < count; k += kLanes) {
    const __mmask16 mask = first_lanes(count - k);
    _mm256_mask_storeu_epi16(numbers + k, mask, loaded(row + k, mask));
  }
  if (count % 2 != 0) {
    __builtin_memset(numbers + count, 0, sizeof(*numbers));
  }
}

// The rows of a as pairs: pair k of row i is at i / kLanes · strip + i % kLanes · row + k · inner.
struct PackedRows {
  const Pair* pairs;
  std::int64_t strip;
  std::int64_t row;
  std::int64_t inner;

  PackedRows from(std::int64_t i, std::int64_t pair) const {
    return {pairs + i / kLanes * strip + i % kLanes * row + pair * inner, strip, row, inner};
  }
};

template <class A, class B, class C>
std::int64_t pairs_of(const Gemm<A, B, C>& p) {
  return (p.inner + 1) / 2;
}

// The rows of a that are stored as columns of strips.
template <class A, class B, class C>
PackedRows rows_of_strips(const Gemm<A, B, C>& p, const Pair* strips) {
  return {strips, pairs_of(p) * kLanes, 1, kLanes};
}

// The rows of a as pairs, packed to `to` unless they can be read in place.
template <class A, class B, class C>
PackedRows pack_rows(const Gemm<A, B, C>& p, Pair* to) {
  const std::int64_t pairs = pairs_of(p);
  if (p.a_vnni != nullptr) {
    return rows_of_strips(p, p.a_vnni);
  }
  if (p.a_inner == 1) {
    if constexpr (std::is_same_v<A, BFloat16Bits>) {
      if (p.inner % 2 == 0 && p.a_row % 2 == 0) {  // in place
        return {reinterpret_cast<const Pair*>(p.a), kLanes * p.a_row / 2, p.a_row / 2, 1};
      }
    }
    for (std::int64_t i = 0; i < p.rows; ++i) {
      pack_row(p.a + i * p.a_row, p.inner, to + i * pairs);
    }
    return {to, kLanes * pairs, pairs, 1};
  }
  pack_strips(p.a, p.a_inner, p.inner, p.rows, to);  // a_row is 1
  return rows_of_strips(p, to);
}

// Packs the panel at `col` of a transposed b; its pairs are neighbours already.
template <class A, class B, class C>
void pack_transposed_columns(const Gemm<A, B, C>& p, std::int64_t col, Pair* to) {
  const std::int64_t whole = p.inner / 2 / kLanes * kLanes;
  for (std::int64_t j = 0; j < kWidth; j += kLanes) {
    const B* const from = p.b + (col + j) * p.b_stride;
    for (std::int64_t k = 0; k < whole; k += kLanes) {
      Register<float> rows[kLanes];
      for (std::int64_t i = 0; i < kLanes; ++i) {
        rows[i] = reinterpret_cast<__m512>(loaded_pairs(from + i * p.b_stride + 2 * k));
      }
      transpose_registers(rows);
      for (std::int64_t i = 0; i < kLanes; ++i) {
        _mm512_storeu_ps(to + j * pairs_of(p) + (k + i) * kLanes, rows[i]);
      }
    }
    for (std::int64_t i = 0; i < kLanes; ++i) {
      Pair rest[kLanes];
      pack_row(from + i * p.b_stride + 2 * whole, p.inner - 2 * whole, rest);
      for (std::int64_t k = whole; k < pairs_of(p); ++k) {
        to[j * pairs_of(p) + k * kLanes + i] = rest[k - whole];
      }
    }
  }
}

// Computes kRows rows of c from `row` on, `registers` vectors of the panel at `col`.
template <int kRows, int registers, class A, class B, class C>
void tile(const Gemm<A, B, C>& p,
          const PackedRows& rows,
          const Pair* columns,
          std::int64_t row,
          std::int64_t col) {
  const std::int64_t first = first_inner(p, row) / 2;
  const PackedRows a = rows.from(row, first);
  __m512 sums[kRows][registers];
  start_sums(p, row, col, sums);
  const std::int64_t strip = pairs_of(p) * kLanes;
  const Pair* b = columns + first * kLanes;
  for (std::int64_t k = 0; k < pairs_of(p) - first; ++k) {
    __m512bh of_columns[registers];
    for (int r = 0; r < registers; ++r) {
      of_columns[r] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + r * strip + k * kLanes));
    }
    for (int i = 0; i < kRows; ++i) {
      std::int32_t factors;  // a pair that may be unaligned
      __builtin_memcpy(&factors, a.pairs + i * a.row + k * a.inner, sizeof(factors));
      const auto pair = reinterpret_cast<__m512bh>(_mm512_set1_epi32(factors));
      for (int r = 0; r < registers; ++r) {
        sums[i][r] = _mm512_dpbf16_ps(sums[i][r], of_columns[r], pair);
      }
    }
  }
  finish_sums(p, row, col, sums);
}

// Packs a kLanes × kLanes square of a symmetric product as pairs, and its mirror image, too.
void store_pairs_of_square(const Gemm<float>& p, std::int64_t row, std::int64_t col) {
  const auto pairs_at = [&](std::int64_t k, std::int64_t j) {
    return p.c_vnni + j / kLanes * kLanes * (p.rows / 2) + k * kLanes + j % kLanes;
  };
  constexpr std::int64_t kHalf = kLanes / 2;
  const float* const square = p.c + row * p.c_stride + col;
  for (std::int64_t k = 0; k < kHalf; ++k) {
    const float* const lower = square + 2 * k * p.c_stride;
    _mm512_storeu_si512(pairs_at(row / 2 + k, col), paired(loaded_rows(lower, lower + p.c_stride)));
  }
  if (row == col) {
    return;
  }
  Register<float> rows[kHalf];  // each holds two of the square's
  for (std::int64_t i = 0; i < kHalf; ++i) {
    const float* const lower = square + i * p.c_stride;
    rows[i] = reinterpret_cast<__m512>(loaded_rows(lower, lower + kHalf * p.c_stride));
  }
  transpose_registers(rows);
  for (std::int64_t k = 0; k < kHalf; ++k) {
    _mm512_storeu_ps(pairs_at(col / 2 + k, row), rows[k]);
  }
}

// Whether one packing serves both factors.
template <class A, class B, class C>
bool is_gram(const Gemm<A, B, C>& p) {
  if constexpr (std::is_same_v<A, B>) {
    return p.symmetric && p.a == p.b && p.a_vnni == nullptr && p.b_vnni == nullptr &&
           (p.b_transposed ? p.a_row : p.a_inner) == p.b_stride;
  }
  return false;
}

template <class A, class B, class C>
std::int64_t scratch(const Gemm<A, B, C>& p) {
  const std::int64_t panels_of_rows = (p.rows + kWidth - 1) / kWidth;
  return pairs_of(p) * kWidth * (1 + panels_of_rows);
}

template <class A, class B, class C>
void pack_panel(const Gemm<A, B, C>& p, std::int64_t col, Pair* to) {
  if (p.b_transposed) {
    pack_transposed_columns(p, col, to);
  } else {
    pack_strips(p.b + col, p.b_stride, p.inner, kWidth, to);
  }
}

template <class A, class B, class C>
void pack_b(const Gemm<A, B, C>& p, Pair* to) {
  for (std::int64_t col = 0; col < p.cols; col += kWidth) {
    pack_panel(p, col, to + col * pairs_of(p));
  }
}

template <class A, class B, class C>
PackedRows pack_gram(const Gemm<A, B, C>& p, Pair* to) {
  pack_b(p, to);
  return rows_of_strips(p, to);
}

// Computes the panel at `col`. `next`: the column of the panel that is packed after this one, or
// −1.
template <class A, class B, class C>
void product_panel(const Gemm<A, B, C>& p,
                   const PackedRows& rows,
                   const Pair* columns,
                   std::int64_t col,
                   std::int64_t next) {
  NextPrefetch fetch_of_next(p, col);
  PanelPrefetch fetch_of_panel(p, next);
  const auto of_rows = [&](auto count, auto registers, std::int64_t i) {
    fetch_of_next.advance();
    fetch_of_panel.advance();
    tile<count, registers>(p, rows, columns, i, col);
  };
  if constexpr (std::is_same_v<Gemm<A, B, C>, Gemm<float>>) {
    if (p.c_vnni != nullptr) {
      for_symmetric_tiles(p, col, of_rows, [&](std::int64_t row) {
        for (std::int64_t j = col; j < col + kWidth && j <= row; j += kLanes) {
          store_pairs_of_square(p, row, j);
        }
      });
      return;
    }
  }
  for_tiles(p, col, of_rows);
}

template <class A, class B, class C>
void product(const Gemm<A, B, C>& p, std::int64_t begin, std::int64_t end, float* numbers) {
  auto* const scratch = reinterpret_cast<Pair*>(numbers);
  Pair* const of_rows = scratch + pairs_of(p) * kWidth;
  const bool gram = is_gram(p);
  const PackedRows rows = gram ? pack_gram(p, of_rows) : pack_rows(p, of_rows);
  const Pair* const packed = gram ? of_rows : p.b_vnni;
  for (std::int64_t index = begin; index < end; ++index) {
    const std::int64_t col = panel_at(p, index) * kWidth;
    if (packed == nullptr) {
      pack_panel(p, col, scratch);
    }
    const bool packs_another = packed == nullptr && index + 1 < end;
    product_panel(p,
                  rows,
                  packed != nullptr ? packed + col * pairs_of(p) : scratch,
                  col,
                  packs_another ? panel_at(p, index + 1) * kWidth : -1);
  }
}

template <class A, class B, class C>
constexpr GemmKernel<A, B, C> products() {
  constexpr bool kTakesPairs = std::is_same_v<Gemm<A, B, C>, Gemm<float>>;
  return {kWidth, kTakesPairs, scratch<A, B, C>, pack_b<A, B, C>, product<A, B, C>};
}

}  // namespace avx512_bfloat16

const GemmKernel<float> kGemmBfloat16 = avx512_bfloat16::products<float, float, float>();

template <class B, class C>
const GemmKernel<BFloat16Bits, B, C>& gemm_of_bfloat16() {
  static constexpr auto kProducts = avx512_bfloat16::products<BFloat16Bits, B, C>();
  return kProducts;
}

template const GemmKernel<BFloat16Bits>& gemm_of_bfloat16<BFloat16Bits, BFloat16Bits>();
template const GemmKernel<BFloat16Bits, BFloat16Bits, float>&
gemm_of_bfloat16<BFloat16Bits, float>();
template const GemmKernel<BFloat16Bits, float, BFloat16Bits>&
gemm_of_bfloat16<float, BFloat16Bits>();
template const GemmKernel<BFloat16Bits, float, float>& gemm_of_bfloat16<float, float>();

}  // namespace parallax::kernels
