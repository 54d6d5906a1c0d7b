// The GEMM kernels for processors with AVX-512.
#include "core/ops/matmul/gemm.h"

#include <type_traits>
#include <utility>

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {
namespace avx512 {

constexpr int kRegisterBytes = 64;
#include "core/ops/matmul/gemm-inl.h"

}  // namespace avx512

const GemmTables kGemmAvx512 = avx512::gemm_tables();

}  // namespace parallax::kernels
