// Attention's row functions for processors with AVX-512.
#include "core/ops/attention/kernels.h"

namespace parallax::kernels {
namespace avx512 {

#include "core/ops/attention/kernels-inl.h"

}  // namespace avx512

const AttentionTables kAttentionAvx512 = avx512::attention_tables();

}  // namespace parallax::kernels
