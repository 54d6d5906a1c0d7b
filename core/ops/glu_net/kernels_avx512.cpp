// The gated linear unit's kernels for processors with AVX-512.
#include "core/ops/glu_net/kernels.h"

namespace parallax::kernels {
namespace avx512 {

constexpr int kRegisterBytes = 64;
#include "core/ops/glu_net/kernels-inl.h"

}  // namespace avx512

const GluNetTables kGluNetAvx512 = avx512::glu_net_tables();

}  // namespace parallax::kernels
