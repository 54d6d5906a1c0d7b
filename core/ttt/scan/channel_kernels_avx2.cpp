// The channel kernels for processors with AVX2 and FMA.
#include "core/ttt/scan/channel_kernels.h"

namespace parallax::kernels {
namespace avx2 {

constexpr int kRegisterBytes = 32;
#include "core/ttt/scan/channel_kernels-inl.h"

}  // namespace avx2

const ChannelTables kChannelAvx2 = avx2::channel_tables();

}  // namespace parallax::kernels
