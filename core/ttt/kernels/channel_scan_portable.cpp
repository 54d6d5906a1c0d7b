// The channel kernels for any processor.
#include "core/ttt/kernels/channel_scan.h"

namespace parallax::kernels {
namespace portable {

constexpr int kRegisterBytes = 16;
#include "core/ttt/kernels/channel_scan-inl.h"

}  // namespace portable

const ChannelTables kChannelPortable = portable::channel_tables();

}  // namespace parallax::kernels
