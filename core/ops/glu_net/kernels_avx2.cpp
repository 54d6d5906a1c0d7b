// The gated linear unit's kernels for processors with AVX2 and FMA.
#include "core/ops/glu_net/kernels.h"

namespace parallax::kernels {
namespace avx2 {

constexpr int kRegisterBytes = 32;
#include "core/ops/glu_net/kernels-inl.h"

}  // namespace avx2

const GluNetTables kGluNetAvx2 = avx2::glu_net_tables();

}  // namespace parallax::kernels
