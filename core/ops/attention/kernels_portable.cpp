// Attention's row functions for every processor.
#include "core/ops/attention/kernels.h"

namespace parallax::kernels {
namespace portable {

#include "core/ops/attention/kernels-inl.h"

}  // namespace portable

const AttentionTables kAttentionPortable = portable::attention_tables();

}  // namespace parallax::kernels
