// The GEMM kernels for any processor.
#include "core/ops/matmul/gemm.h"

#include <type_traits>
#include <utility>

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {
namespace portable {

constexpr int kRegisterBytes = 16;
#include "core/ops/matmul/gemm-inl.h"

}  // namespace portable

const GemmTables kGemmPortable = portable::gemm_tables();

}  // namespace parallax::kernels
