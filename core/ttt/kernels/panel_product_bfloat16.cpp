// Products by panels for processors with AVX-512 and bfloat16 instructions: pairs of factors that
// are bfloat16 or are rounded to it, their products summed in float32.
#include <immintrin.h>

#include <type_traits>
#include <utility>

#include "core/ttt/kernels/elementwise.h"
#include "core/ttt/kernels/panel_product.h"

namespace parallax::kernels {
namespace avx512_bfloat16 {

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

PARALLAX_INLINE __m512i rounded(__m512 x) {  // to bfloat16, in the lower halves of 32 bits
  return _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}

PARALLAX_INLINE __m512i loaded(const float* from, __mmask16 mask, float scale) {
  return rounded(_mm512_mul_ps(_mm512_maskz_loadu_ps(mask, from), _mm512_set1_ps(scale)));
}

PARALLAX_INLINE __m512i loaded(const BFloat16Bits* from, __mmask16 mask, float /*scale*/) {
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from));
}

// Rows k and k + 1 (or zeros) of a matrix to pairs.
template <class T>
PARALLAX_INLINE void pack_two_rows(const T* lower,
                                   const T* upper,
                                   std::int64_t count,
                                   float scale,
                                   Pair* pairs) {
  for (std::int64_t j = 0; j < count; j += kLanes) {
    const __mmask16 mask = first_lanes(count - j);
    const __m512i low = loaded(lower + j, mask, scale);
    const __m512i high = upper != nullptr ? loaded(upper + j, mask, scale) : _mm512_setzero_si512();
    _mm512_mask_storeu_epi32(pairs + j, mask, _mm512_or_epi32(low, _mm512_slli_epi32(high, 16)));
  }
}

// The same, cut to pieces of kTileRows pairs that lie `stride` apart.
template <class T>
void pack_two_rows_in_tiles(const T* lower,
                            const T* upper,
                            std::int64_t count,
                            std::int64_t stride,
                            Pair* pairs) {
  for (std::int64_t j = 0; j < count; j += kLanes) {
    Pair lanes[kLanes];
    pack_two_rows(lower + j,
                  upper != nullptr ? upper + j : nullptr,
                  count - j < kLanes ? count - j : kLanes,
                  1,
                  lanes);
    for (std::int64_t i = 0; i < kLanes && j + i < count; i += kTileRows) {
      __builtin_memcpy(pairs + (j + i) / kTileRows * stride, lanes + i, kTileRows * sizeof(Pair));
    }
  }
}

// A row whose numbers are neighbours already.
template <class T>
void pack_row(const T* row, std::int64_t count, Pair* pairs) {
  auto* numbers = reinterpret_cast<std::uint16_t*>(pairs);
  for (std::int64_t k = 0; k < count; k += kLanes) {
    const __mmask16 mask = first_lanes(count - k);
    _mm256_mask_storeu_epi16(numbers + k, mask, _mm512_cvtepi32_epi16(loaded(row + k, mask, 1)));
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

  PackedRows from(std::int64_t i) const {
    return {pairs + i / kTileRows * tile + i % kTileRows * row, tile, row, inner};
  }
};

template <class T, class C>
std::int64_t pairs_of(const PanelProduct<T, C>& p) {
  return (p.inner + 1) / 2;
}

template <class T, class C>
PackedRows pack_rows(const PanelProduct<T, C>& p, Pair* to) {
  const std::int64_t pairs = pairs_of(p);
  if (p.a_inner == 1) {
    if constexpr (std::is_same_v<T, BFloat16Bits>) {
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
    const T* lower = p.a + 2 * k * p.a_inner;
    const T* upper = 2 * k + 1 < p.inner ? lower + p.a_inner : nullptr;
    pack_two_rows_in_tiles(lower, upper, p.rows, kTileRows * pairs, to + k * kTileRows);
  }
  return {to, kTileRows * pairs, 1, kTileRows};
}

template <class T, class C>
void pack_columns(const PanelProduct<T, C>& p, std::int64_t col, Pair* to) {
  for (std::int64_t k = 0; k < pairs_of(p); ++k) {
    const T* lower = p.b + 2 * k * p.b_stride + col;
    const T* upper = 2 * k + 1 < p.inner ? lower + p.b_stride : nullptr;
    pack_two_rows(lower, upper, kWidth, p.scale, to + k * kWidth);
  }
}

// A transposed b, whose pairs are neighbours already.
template <class C>
void pack_transposed_columns(const PanelProduct<BFloat16Bits, C>& p, std::int64_t col, Pair* to) {
  const std::int64_t whole = p.inner / 2 / kLanes * kLanes;
  for (std::int64_t j = 0; j < kWidth; j += kLanes) {
    const BFloat16Bits* const from = p.b + (col + j) * p.b_stride;
    const auto* const pairs = reinterpret_cast<const float*>(from);
    for (std::int64_t k = 0; k < whole; k += kLanes) {
      transpose_square(
          pairs + k, p.b_stride / 2, reinterpret_cast<float*>(to) + k * kWidth + j, kWidth);
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

PARALLAX_INLINE void store_sums(__m512 sums, float* c) { _mm512_storeu_ps(c, sums); }

PARALLAX_INLINE void store_sums(__m512 sums, BFloat16Bits* c) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(c),
                      reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(sums)));
}

template <int kRows, class C>
void tile(const PackedRows& a,
          const Pair* b,
          std::int64_t pairs,
          C* c,
          std::int64_t c_stride,
          bool add) {
  __m512 sums[kRows][kTileRegisters];
  for (int i = 0; i < kRows; ++i) {
    for (int r = 0; r < kTileRegisters; ++r) {
      sums[i][r] = _mm512_setzero_ps();
      if constexpr (std::is_same_v<C, float>) {
        if (add) {
          sums[i][r] = _mm512_loadu_ps(c + i * c_stride + r * kLanes);
        }
      }
    }
  }
  for (std::int64_t k = 0; k < pairs; ++k) {
    __m512bh columns[kTileRegisters];
    for (int r = 0; r < kTileRegisters; ++r) {
      columns[r] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + k * kWidth + r * kLanes));
    }
    for (int i = 0; i < kRows; ++i) {
      std::int32_t factors;  // of numbers that may lie at odd places
      __builtin_memcpy(&factors, a.pairs + i * a.row + k * a.inner, sizeof(factors));
      const auto pair = reinterpret_cast<__m512bh>(_mm512_set1_epi32(factors));
      for (int r = 0; r < kTileRegisters; ++r) {
        sums[i][r] = _mm512_dpbf16_ps(sums[i][r], columns[r], pair);
      }
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int r = 0; r < kTileRegisters; ++r) {
      store_sums(sums[i][r], c + i * c_stride + r * kLanes);
    }
  }
}

template <class T, class C>
std::int64_t scratch(const PanelProduct<T, C>& p) {
  const std::int64_t tiles = (p.rows + kTileRows - 1) / kTileRows;
  return pairs_of(p) * (kWidth + tiles * kTileRows);
}

template <class T, class C>
void product(const PanelProduct<T, C>& p, std::int64_t begin, std::int64_t end, float* numbers) {
  auto* const columns = reinterpret_cast<Pair*>(numbers);
  const std::int64_t pairs = pairs_of(p);
  const PackedRows rows = pack_rows(p, columns + pairs * kWidth);
  for (std::int64_t index = begin; index < end; ++index) {
    const std::int64_t col = panel_at(p, index) * kWidth;
    if constexpr (std::is_same_v<T, BFloat16Bits>) {
      p.b_transposed ? pack_transposed_columns(p, col, columns) : pack_columns(p, col, columns);
    } else {
      pack_columns(p, col, columns);
    }
    for_tiles(p, col, [&](auto count, std::int64_t i) {
      tile<count>(rows.from(i), columns, pairs, p.c + i * p.c_stride + col, p.c_stride, p.add);
    });
  }
}

}  // namespace avx512_bfloat16

namespace {

template <class T, class C>
constexpr PanelProducts<T, C> products() {
  return {avx512_bfloat16::kWidth, avx512_bfloat16::scratch<T, C>, avx512_bfloat16::product<T, C>};
}

}  // namespace

const PanelKernels<float> kPanelsBfloat16 = {products<float, float>(),
                                             avx512_bfloat16::combine<float>,
                                             avx512_bfloat16::add_small_product<float>};
const PanelProducts<BFloat16Bits> kPanelsOfBfloat16 = products<BFloat16Bits, BFloat16Bits>();
const PanelProducts<BFloat16Bits, float> kPanelsOfBfloat16ToFloat32 =
    products<BFloat16Bits, float>();

}  // namespace parallax::kernels
