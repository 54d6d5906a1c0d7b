// The GEMM kernels for processors with AVX2 and FMA.
#include "core/ops/matmul/gemm.h"

#include <type_traits>
#include <utility>

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {
namespace avx2 {

constexpr int kRegisterBytes = 32;
#include "core/ops/matmul/gemm-inl.h"

}  // namespace avx2

const GemmTables kGemmAvx2 = avx2::gemm_tables();

}  // namespace parallax::kernels
