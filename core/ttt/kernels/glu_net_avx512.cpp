// The gated linear unit's kernels for processors with AVX-512.
#include "core/ttt/kernels/glu_net.h"

namespace parallax::kernels {
namespace avx512 {

constexpr int kRegisterBytes = 64;
#include "core/ttt/kernels/glu_net_body.h"

}  // namespace avx512

const GluNetTables kGluNetAvx512 = avx512::glu_net_tables();

}  // namespace parallax::kernels
