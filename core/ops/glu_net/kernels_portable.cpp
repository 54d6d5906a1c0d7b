// The gated linear unit's kernels for any processor.
#include "core/ops/glu_net/kernels.h"

namespace parallax::kernels {
namespace portable {

constexpr int kRegisterBytes = 16;
#include "core/ops/glu_net/kernels-inl.h"

}  // namespace portable

const GluNetTables kGluNetPortable = portable::glu_net_tables();

}  // namespace parallax::kernels
