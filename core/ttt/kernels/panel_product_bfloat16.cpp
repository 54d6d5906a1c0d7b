// Products by panels for processors with AVX-512 and bfloat16 instructions: pairs of factors
// rounded to bfloat16, their products summed in float32.
#include <immintrin.h>

#include <type_traits>

#include "core/ttt/kernels/elementwise.h"
#include "core/ttt/kernels/panel_product.h"

namespace parallax::kernels {
namespace avx512_bfloat16 {

constexpr int kRegisterBytes = 64;
#include "core/ttt/kernels/panel_product_body.h"

constexpr std::int64_t kLanes = kLanesOf<float>;
constexpr std::int64_t kWidth = kPanelWidth<float>;
using Pair = std::uint32_t;  // two bfloat16 numbers, neighbours along the inner dimension

__mmask16 first_lanes(std::int64_t count) {
  return count >= kLanes ? 0xFFFF : static_cast<__mmask16>((1U << count) - 1U);
}

__m512i rounded(__m512 x) {  // to bfloat16, in the lower halves of 32 bits
  return _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}

// Rows k and k + 1 (or zeros) of a matrix to pairs.
void pack_two_rows(const float* lower,
                   const float* upper,
                   std::int64_t count,
                   float scale,
                   Pair* pairs) {
  const __m512 factor = _mm512_set1_ps(scale);
  for (std::int64_t j = 0; j < count; j += kLanes) {
    const __mmask16 mask = first_lanes(count - j);
    const __m512 x = _mm512_maskz_loadu_ps(mask, lower + j);
    const __m512 y =
        upper != nullptr ? _mm512_maskz_loadu_ps(mask, upper + j) : _mm512_setzero_ps();
    const __m512i low = rounded(_mm512_mul_ps(x, factor));
    const __m512i high = rounded(_mm512_mul_ps(y, factor));
    _mm512_mask_storeu_epi32(pairs + j, mask, _mm512_or_epi32(low, _mm512_slli_epi32(high, 16)));
  }
}

// A row whose numbers are neighbours already.
void pack_row(const float* row, std::int64_t count, Pair* pairs) {
  auto* numbers = reinterpret_cast<std::uint16_t*>(pairs);
  for (std::int64_t k = 0; k < count; k += kLanes) {
    const __mmask16 mask = first_lanes(count - k);
    const __m512 x = _mm512_maskz_loadu_ps(mask, row + k);
    _mm256_mask_storeu_epi16(numbers + k, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
  }
  if (count % 2 != 0) {
    numbers[count] = 0;
  }
}

// Pair k of row i lies at i · row + k · inner.
struct PackedRows {
  const Pair* pairs;
  std::int64_t row;
  std::int64_t inner;
};

std::int64_t pairs_of(const PanelProduct<float>& p) { return (p.inner + 1) / 2; }

PackedRows pack_rows(const PanelProduct<float>& p, Pair* to) {
  const std::int64_t pairs = pairs_of(p);
  if (p.a_inner == 1) {
    for (std::int64_t i = 0; i < p.rows; ++i) {
      pack_row(p.a + i * p.a_row, p.inner, to + i * pairs);
    }
    return {to, pairs, 1};
  }
  for (std::int64_t k = 0; k < pairs; ++k) {  // a_row is 1
    const float* lower = p.a + 2 * k * p.a_inner;
    const float* upper = 2 * k + 1 < p.inner ? lower + p.a_inner : nullptr;
    pack_two_rows(lower, upper, p.rows, 1, to + k * p.rows);
  }
  return {to, 1, p.rows};
}

void pack_columns(const PanelProduct<float>& p, std::int64_t col, Pair* to) {
  for (std::int64_t k = 0; k < pairs_of(p); ++k) {
    const float* lower = p.b + 2 * k * p.b_stride + col;
    const float* upper = 2 * k + 1 < p.inner ? lower + p.b_stride : nullptr;
    pack_two_rows(lower, upper, kWidth, p.scale, to + k * kWidth);
  }
}

template <int kRows>
void tile(const PackedRows& a,
          const Pair* b,
          std::int64_t pairs,
          float* c,
          std::int64_t c_stride,
          bool add) {
  __m512 sums[kRows][kTileRegisters];
  for (int i = 0; i < kRows; ++i) {
    for (int r = 0; r < kTileRegisters; ++r) {
      sums[i][r] = add ? _mm512_loadu_ps(c + i * c_stride + r * kLanes) : _mm512_setzero_ps();
    }
  }
  for (std::int64_t k = 0; k < pairs; ++k) {
    __m512bh columns[kTileRegisters];
    for (int r = 0; r < kTileRegisters; ++r) {
      columns[r] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + k * kWidth + r * kLanes));
    }
    for (int i = 0; i < kRows; ++i) {
      const auto pair = reinterpret_cast<__m512bh>(
          _mm512_set1_epi32(static_cast<int>(a.pairs[i * a.row + k * a.inner])));
      for (int r = 0; r < kTileRegisters; ++r) {
        sums[i][r] = _mm512_dpbf16_ps(sums[i][r], columns[r], pair);
      }
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int r = 0; r < kTileRegisters; ++r) {
      _mm512_storeu_ps(c + i * c_stride + r * kLanes, sums[i][r]);
    }
  }
}

std::int64_t scratch(const PanelProduct<float>& p) { return pairs_of(p) * (kWidth + p.rows); }

void product(const PanelProduct<float>& p, std::int64_t begin, std::int64_t end, float* numbers) {
  auto* const columns = reinterpret_cast<Pair*>(numbers);
  const std::int64_t pairs = pairs_of(p);
  const PackedRows rows = pack_rows(p, columns + pairs * kWidth);
  const auto from_row = [&](std::int64_t i) {
    return PackedRows{rows.pairs + i * rows.row, rows.row, rows.inner};
  };
  for (std::int64_t index = begin; index < end; ++index) {
    const std::int64_t col = panel_at(p, index) * kWidth;
    pack_columns(p, col, columns);
    for_tiles(p, col, [&](auto count, std::int64_t i) {
      tile<count>(from_row(i), columns, pairs, p.c + i * p.c_stride + col, p.c_stride, p.add);
    });
  }
}

}  // namespace avx512_bfloat16

const PanelKernels<float> kPanelsBfloat16 = {avx512_bfloat16::kWidth,
                                             avx512_bfloat16::scratch,
                                             avx512_bfloat16::product,
                                             avx512_bfloat16::combine<float>};

}  // namespace parallax::kernels
