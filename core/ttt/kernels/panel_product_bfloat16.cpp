// Products by panels for processors with AVX-512 and bfloat16 instructions: pairs of factors that
// are bfloat16 or are rounded to it, their products summed in float32.
#include <immintrin.h>

#include <type_traits>
#include <utility>

#include "core/ttt/kernels/elementwise.h"
#include "core/ttt/kernels/panel_product.h"

namespace parallax::kernels {
namespace avx512_bfloat16 {

// As kernels store sums where processors cannot round.
inline void store_numbers(const __m512& numbers, BFloat16Bits* to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(numbers)));
}

constexpr int kRegisterBytes = 64;
#include "core/ttt/kernels/panel_product_body.h"

constexpr std::int64_t kLanes = kLanesOf<float>;
constexpr std::int64_t kWidth = kPanelWidth<float>;
// Inner loops are made of these.
#define PARALLAX_INLINE inline __attribute__((always_inline))

using Pair = std::uint32_t;  // two bfloat16 numbers, neighbours along the inner dimension

PARALLAX_INLINE __mmask16 first_lanes(std::int64_t count) {
  return count >= kLanes ? 0xFFFF : static_cast<__mmask16>((1U << count) - 1U);
}

PARALLAX_INLINE __m256i loaded(const float* from, __mmask16 mask) {
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from)));
}

PARALLAX_INLINE __m256i loaded(const BFloat16Bits* from, __mmask16 mask) {
  return _mm256_maskz_loadu_epi16(mask, from);
}

// kLanes numbers of two rows, one after the other.
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

// Pairs of the two rows' numbers at the same place.
PARALLAX_INLINE __m512i paired(__m512i rows) {
  using Words = typename VectorOf<std::uint16_t, kRegisterBytes>::Type;
  constexpr Words kPlaces = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                             8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(reinterpret_cast<__m512i>(kPlaces), rows);
}

// kLanes pairs of neighbours.
PARALLAX_INLINE __m512i loaded_pairs(const float* from) {
  const __m512 low = _mm512_loadu_ps(from);
  const __m512 high = _mm512_loadu_ps(from + kLanes);
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

PARALLAX_INLINE __m512i loaded_pairs(const BFloat16Bits* from) { return _mm512_loadu_si512(from); }

// `count` numbers, kLanes at most, of rows k and k + 1 (null: zeros) of a matrix as pairs.
template <class T>
PARALLAX_INLINE __m512i pairs_of_rows(const T* lower, const T* upper, std::int64_t count) {
  if (count >= kLanes && upper != nullptr) {
    return paired(loaded_rows(lower, upper));
  }
  const __mmask16 mask = first_lanes(count);
  return paired(
      joined(loaded(lower, mask), upper != nullptr ? loaded(upper, mask) : _mm256_setzero_si256()));
}

// Two rows to pairs, cut to pieces of kTileRows that lie `stride` apart.
template <class T>
void pack_two_rows_in_tiles(const T* lower,
                            const T* upper,
                            std::int64_t count,
                            std::int64_t stride,
                            Pair* pairs) {
  static_assert(kLanes == 2 * kTileRows);
  for (std::int64_t j = 0; j < count; j += kLanes) {
    const __m512i lanes =
        pairs_of_rows(lower + j, upper != nullptr ? upper + j : nullptr, count - j);
    Pair* const to = pairs + j / kTileRows * stride;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(lanes));
    if (count - j > kTileRows) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + stride),
                          _mm512_extracti64x4_epi64(lanes, 1));
    }
  }
}

// A row whose numbers are neighbours already.
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

// Pair k of row i lies at i / kTileRows · tile + i % kTileRows · row + k · inner.
struct PackedRows {
  const Pair* pairs;
  std::int64_t tile;
  std::int64_t row;
  std::int64_t inner;

  PackedRows from(std::int64_t i, std::int64_t pair) const {
    return {pairs + i / kTileRows * tile + i % kTileRows * row + pair * inner, tile, row, inner};
  }
};

template <class A, class B, class C>
std::int64_t pairs_of(const PanelProduct<A, B, C>& p) {
  return (p.inner + 1) / 2;
}

template <class A, class B, class C>
PackedRows pack_rows(const PanelProduct<A, B, C>& p, Pair* to) {
  const std::int64_t pairs = pairs_of(p);
  if (p.a_inner == 1) {
    if constexpr (std::is_same_v<A, BFloat16Bits>) {
      if (p.inner % 2 == 0 && p.a_row % 2 == 0) {  // as they lie
        return {reinterpret_cast<const Pair*>(p.a), kTileRows * p.a_row / 2, p.a_row / 2, 1};
      }
    }
    for (std::int64_t i = 0; i < p.rows; ++i) {
      pack_row(p.a + i * p.a_row, p.inner, to + i * pairs);
    }
    return {to, kTileRows * pairs, pairs, 1};
  }
  for (std::int64_t k = 0; k < pairs; ++k) {  // a_row is 1
    const A* lower = p.a + 2 * k * p.a_inner;
    const A* upper = 2 * k + 1 < p.inner ? lower + p.a_inner : nullptr;
    pack_two_rows_in_tiles(lower, upper, p.rows, kTileRows * pairs, to + k * kTileRows);
  }
  return {to, kTileRows * pairs, 1, kTileRows};
}

template <class A, class B, class C>
void pack_columns(const PanelProduct<A, B, C>& p, std::int64_t col, Pair* to) {
  for (std::int64_t k = 0; k < pairs_of(p); ++k) {
    const B* lower = p.b + 2 * k * p.b_stride + col;
    const B* upper = 2 * k + 1 < p.inner ? lower + p.b_stride : nullptr;
    for (std::int64_t j = 0; j < kWidth; j += kLanes) {
      _mm512_storeu_si512(to + k * kWidth + j,
                          pairs_of_rows(lower + j, upper != nullptr ? upper + j : nullptr, kLanes));
    }
  }
}

// A transposed b, whose pairs are neighbours already.
template <class A, class B, class C>
void pack_transposed_columns(const PanelProduct<A, B, C>& p, std::int64_t col, Pair* to) {
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
        _mm512_storeu_ps(to + (k + i) * kWidth + j, rows[i]);
      }
    }
    for (std::int64_t i = 0; i < kLanes; ++i) {
      Pair rest[kLanes];
      pack_row(from + i * p.b_stride + 2 * whole, p.inner - 2 * whole, rest);
      for (std::int64_t k = whole; k < pairs_of(p); ++k) {
        to[k * kWidth + j + i] = rest[k - whole];
      }
    }
  }
}

// kRows rows of c from `row` on, `registers` of the panel at `col`.
template <int kRows, int registers, class A, class B, class C>
void tile(const PanelProduct<A, B, C>& p,
          const PackedRows& rows,
          const Pair* columns,
          std::int64_t row,
          std::int64_t col) {
  const std::int64_t first = first_inner(p, row) / 2;
  const PackedRows a = rows.from(row, first);
  __m512 sums[kRows][registers];
  start_sums(p, row, col, sums);
  const Pair* b = columns + first * kWidth;
  for (std::int64_t k = 0; k < pairs_of(p) - first; ++k) {
    __m512bh of_columns[registers];
    for (int r = 0; r < registers; ++r) {
      of_columns[r] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + k * kWidth + r * kLanes));
    }
    for (int i = 0; i < kRows; ++i) {
      std::int32_t factors;  // of numbers that may lie at odd places
      __builtin_memcpy(&factors, a.pairs + i * a.row + k * a.inner, sizeof(factors));
      const auto pair = reinterpret_cast<__m512bh>(_mm512_set1_epi32(factors));
      for (int r = 0; r < registers; ++r) {
        sums[i][r] = _mm512_dpbf16_ps(sums[i][r], of_columns[r], pair);
      }
    }
  }
  finish_sums(p, row, col, sums);
}

template <class A, class B, class C>
std::int64_t scratch(const PanelProduct<A, B, C>& p) {
  const std::int64_t tiles = (p.rows + kTileRows - 1) / kTileRows;
  return pairs_of(p) * (kWidth + tiles * kTileRows);
}

template <class A, class B, class C>
void product(const PanelProduct<A, B, C>& p, std::int64_t begin, std::int64_t end, float* numbers) {
  auto* const columns = reinterpret_cast<Pair*>(numbers);
  const PackedRows rows = pack_rows(p, columns + pairs_of(p) * kWidth);
  for (std::int64_t index = begin; index < end; ++index) {
    const std::int64_t col = panel_at(p, index) * kWidth;
    p.b_transposed ? pack_transposed_columns(p, col, columns) : pack_columns(p, col, columns);
    FetchOfNext fetch_of_next(p, col);
    for_tiles(p, col, [&](auto count, auto registers, std::int64_t i) {
      fetch_of_next.advance();
      tile<count, registers>(p, rows, columns, i, col);
    });
  }
}

template <class A, class B, class C>
constexpr PanelProducts<A, B, C> products() {
  return {kWidth, scratch<A, B, C>, product<A, B, C>};
}

}  // namespace avx512_bfloat16

const PanelProducts<float> kPanelsBfloat16 = avx512_bfloat16::products<float, float, float>();

template <class B, class C>
const PanelProducts<BFloat16Bits, B, C>& panels_of_bfloat16() {
  static constexpr auto kProducts = avx512_bfloat16::products<BFloat16Bits, B, C>();
  return kProducts;
}

template const PanelProducts<BFloat16Bits>& panels_of_bfloat16<BFloat16Bits, BFloat16Bits>();
template const PanelProducts<BFloat16Bits, BFloat16Bits, float>&
panels_of_bfloat16<BFloat16Bits, float>();
template const PanelProducts<BFloat16Bits, float, BFloat16Bits>&
panels_of_bfloat16<float, BFloat16Bits>();
template const PanelProducts<BFloat16Bits, float, float>& panels_of_bfloat16<float, float>();

}  // namespace parallax::kernels
