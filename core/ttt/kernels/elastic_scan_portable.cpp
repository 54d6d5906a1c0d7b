// The elastic kernels for any processor.
#include "core/ttt/kernels/elastic_scan.h"

namespace parallax::kernels {
namespace portable {

constexpr int kRegisterBytes = 16;
#include "core/ttt/kernels/elastic_scan-inl.h"

}  // namespace portable

const ElasticTables kElasticPortable = portable::elastic_tables();

}  // namespace parallax::kernels
