// The channel kernels for processors with AVX2 and FMA.
#include "core/ttt/kernels/channel_scan.h"

namespace parallax::kernels {
namespace avx2 {

constexpr int kRegisterBytes = 32;
#include "core/ttt/kernels/channel_scan-inl.h"

}  // namespace avx2

const ChannelTables kChannelAvx2 = avx2::channel_tables();

}  // namespace parallax::kernels
