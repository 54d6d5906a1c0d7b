// The elastic kernels for any processor.
#include "core/ttt/scan/elastic_kernels.h"

namespace parallax::kernels {
namespace portable {

constexpr int kRegisterBytes = 16;
#include "core/ttt/scan/elastic_kernels-inl.h"

}  // namespace portable

const ElasticTables kElasticPortable = portable::elastic_tables();

}  // namespace parallax::kernels
