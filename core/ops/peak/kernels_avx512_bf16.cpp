// The loop for processors with AVX-512 and bfloat16 instructions: each adds the products of two
// pairs of bfloat16 numbers to a float32 sum.
#include <immintrin.h>

#include "core/ops/common/kernel_types.h"
#include "core/ops/peak/kernels.h"

namespace parallax::kernels {
namespace avx512_bfloat16 {

constexpr int kRegisterBytes = 64;
#include "core/ops/peak/kernels-inl.h"

double multiply_and_add_pairs(std::int64_t rounds) {
  const __m512 ones = _mm512_set1_ps(1);
  return run_loop(
      rounds, _mm512_cvtne2ps_pbh(ones, ones), [](const Sum& sum, const __m512bh& factors) -> Sum {
        return _mm512_dpbf16_ps(sum, factors, factors);
      });
}

}  // namespace avx512_bfloat16

const PeakLoop kPeakBfloat16 = {"AVX-512 bfloat16 dot products",
                                4 * avx512_bfloat16::kSumLanes,
                                avx512_bfloat16::multiply_and_add_pairs};

}  // namespace parallax::kernels
