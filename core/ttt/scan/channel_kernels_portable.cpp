// The channel kernels for any processor.
#include "core/ttt/scan/channel_kernels.h"

namespace parallax::kernels {
namespace portable {

constexpr int kRegisterBytes = 16;
#include "core/ttt/scan/channel_kernels-inl.h"

}  // namespace portable

const ChannelTables kChannelPortable = portable::channel_tables();

}  // namespace parallax::kernels
