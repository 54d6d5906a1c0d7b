// The channel kernels for processors with AVX-512.
#include "core/ttt/kernels/channel_scan.h"

namespace parallax::kernels {
namespace avx512 {

constexpr int kRegisterBytes = 64;
#include "core/ttt/kernels/channel_scan-inl.h"

}  // namespace avx512

const ChannelTables kChannelAvx512 = avx512::channel_tables();

}  // namespace parallax::kernels
