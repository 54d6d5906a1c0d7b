// The gated linear unit's kernels for any processor.
#include "core/ttt/kernels/glu_net.h"

namespace parallax::kernels {
namespace portable {

constexpr int kRegisterBytes = 16;
#include "core/ttt/kernels/glu_net_body.h"

}  // namespace portable

const GluNetTables kGluNetPortable = portable::glu_net_tables();

}  // namespace parallax::kernels
