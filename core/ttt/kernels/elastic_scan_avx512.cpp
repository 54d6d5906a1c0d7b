// The elastic kernels for processors with AVX-512.
#include "core/ttt/kernels/elastic_scan.h"

namespace parallax::kernels {
namespace avx512 {

constexpr int kRegisterBytes = 64;
#include "core/ttt/kernels/elastic_scan-inl.h"

}  // namespace avx512

const ElasticTables kElasticAvx512 = avx512::elastic_tables();

}  // namespace parallax::kernels
