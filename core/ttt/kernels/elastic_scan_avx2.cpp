// The elastic kernels for processors with AVX2 and FMA.
#include "core/ttt/kernels/elastic_scan.h"

namespace parallax::kernels {
namespace avx2 {

constexpr int kRegisterBytes = 32;
#include "core/ttt/kernels/elastic_scan-inl.h"

}  // namespace avx2

const ElasticTables kElasticAvx2 = avx2::elastic_tables();

}  // namespace parallax::kernels
