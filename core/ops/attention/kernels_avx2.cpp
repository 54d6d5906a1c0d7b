// Attention's row functions for processors with AVX2 and FMA.
#include "core/ops/attention/kernels.h"

namespace parallax::kernels {
namespace avx2 {

#include "core/ops/attention/kernels-inl.h"

}  // namespace avx2

const AttentionTables kAttentionAvx2 = avx2::attention_tables();

}  // namespace parallax::kernels
