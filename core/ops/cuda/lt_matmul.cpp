// Describes products to cuBLASLt and keeps its choice of algorithm for each kind of product.
#include "core/ops/cuda/lt_matmul.h"

#include <ATen/autocast_mode.h>

#include "core/base/error.h"
#include "core/ops/cuda/kernel_args.h"
#include "core/ops/cuda/operators.h"

#ifdef PARALLAX_HAS_CUDA
#include <ATen/cuda/CUDAContextLight.h>
#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cublasLt.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#endif

namespace parallax::cuda {

#ifdef PARALLAX_HAS_CUDA
namespace {

constexpr int64_t kWorkspaceBytes = int64_t{32} << 20;  // what cuBLAS advises for Hopper

void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS) {
    throw Error(ErrorParts{.what = std::string("cuBLASLt refused ") + what,
                           .got = cublasLtGetStatusString(status)});
  }
}

template <class T, cublasStatus_t (*destroy)(T)>
struct Destroy {
  using pointer = T;
  void operator()(T handle) const { destroy(handle); }
};
using Layout = std::unique_ptr<void, Destroy<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>>;
using Description = std::unique_ptr<void, Destroy<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>>;
using Preference =
    std::unique_ptr<void, Destroy<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>>;

// A row-major matrix as cuBLASLt sees it: column-major, hence its own transpose.
struct Operand {
  int64_t rows = 0;    // of the stored, column-major matrix
  int64_t cols = 0;    //
  int64_t stride = 0;  // between its columns
  bool transposed = false;
};

Operand operand_of(const Tensor& x) {
  if (x.stride(2) == 1) {
    return {x.size(2), x.size(1), std::max(x.stride(1), x.size(2)), false};
  }
  return {x.size(1), x.size(2), std::max(x.stride(2), x.size(1)), true};
}

Layout layout_of(const Operand& x, const Tensor& tensor, cudaDataType_t type) {
  cublasLtMatrixLayout_t raw = nullptr;
  check(cublasLtMatrixLayoutCreate(
            &raw, type, static_cast<uint64_t>(x.rows), static_cast<uint64_t>(x.cols), x.stride),
        "a matrix");
  Layout layout(raw);
  const auto count = static_cast<int32_t>(tensor.size(0));
  const int64_t apart = tensor.stride(0);
  check(cublasLtMatrixLayoutSetAttribute(
            raw, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count)),
        "a batch");
  check(cublasLtMatrixLayoutSetAttribute(
            raw, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &apart, sizeof(apart)),
        "a batch");
  return layout;
}

Description describe(const Operand& first, const Operand& second, const Tensor& bias) {
  cublasLtMatmulDesc_t raw = nullptr;
  check(cublasLtMatmulDescCreate(&raw, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a product");
  Description description(raw);
  const auto set = [&](cublasLtMatmulDescAttributes_t which, bool transposed) {
    const cublasOperation_t operation = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(cublasLtMatmulDescSetAttribute(raw, which, &operation, sizeof(operation)), "a product");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, first.transposed);
  set(CUBLASLT_MATMUL_DESC_TRANSB, second.transposed);
  if (bias.defined()) {  // of the result's type, one for each of its stored rows
    const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    check(cublasLtMatmulDescSetAttribute(
              raw, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof(epilogue)),
          "a bias");
    const void* const data = bias.data_ptr();
    check(
        cublasLtMatmulDescSetAttribute(raw, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &data, sizeof(data)),
        "a bias");
  }
  return description;
}

// What cuBLASLt's choice depends on.
using Kind = std::
    tuple<int, int, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, bool, bool, bool, bool>;

Kind kind_of(const Tensor& a,
             const Tensor& b,
             const Operand& first,
             const Operand& second,
             const LtScales& scales) {
  return {static_cast<int>(a.device().index()),
          static_cast<int>(a.scalar_type()),
          a.size(0),
          a.size(1),
          a.size(2),
          b.size(2),
          first.stride,
          second.stride,
          first.transposed,
          second.transposed,
          scales.addend != 0,
          scales.bias.defined()};
}

// A product and its matrices as cuBLASLt knows them; the result's layout is the addend's, too.
struct Problem {
  Description product;
  Layout first, second, out;
};

// cuBLASLt's choice; none if it has no algorithm.
std::optional<cublasLtMatmulAlgo_t> choose_algorithm(cublasLtHandle_t handle,
                                                     const Problem& problem) {
  cublasLtMatmulPreference_t raw = nullptr;
  check(cublasLtMatmulPreferenceCreate(&raw), "a preference");
  const Preference preference(raw);
  const auto bytes = static_cast<size_t>(kWorkspaceBytes);
  check(cublasLtMatmulPreferenceSetAttribute(
            raw, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof(bytes)),
        "a preference");
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  check(cublasLtMatmulAlgoGetHeuristic(handle,
                                       problem.product.get(),
                                       problem.first.get(),
                                       problem.second.get(),
                                       problem.out.get(),
                                       problem.out.get(),
                                       raw,
                                       1,
                                       &found,
                                       &count),
        "a product of these sizes");
  return count > 0 ? std::optional(found.algo) : std::nullopt;
}

}  // namespace

void lt_matmul(const Tensor& a,
               const Tensor& b,
               const Tensor& c,
               const LtScales& scales,
               const Tensor& result) {
  const c10::DeviceGuard on_its_device(a.device());  // for cuBLASLt, too
  const cudaDataType_t type = a.scalar_type() == torch::kHalf ? CUDA_R_16F : CUDA_R_16BF;
  const Operand first = operand_of(b);  // the transposed product has its factors exchanged
  const Operand second = operand_of(a);
  const Problem problem{.product = describe(first, second, scales.bias),
                        .first = layout_of(first, b, type),
                        .second = layout_of(second, a, type),
                        .out = layout_of(operand_of(result), result, type)};
  const cublasLtHandle_t handle = at::cuda::getCurrentCUDABlasLtHandle();

  static std::mutex mutex;
  static std::map<Kind, cublasLtMatmulAlgo_t> chosen;
  cublasLtMatmulAlgo_t algorithm;
  {
    const std::lock_guard lock(mutex);
    const Kind kind = kind_of(a, b, first, second, scales);
    auto it = chosen.find(kind);
    if (it == chosen.end()) {
      const auto algorithm_found = choose_algorithm(handle, problem);
      if (!algorithm_found) {
        throw Error(ErrorParts{.what = "cuBLASLt has no algorithm for a product",
                               .got = c10::str(a.sizes(), " times ", b.sizes())});
      }
      it = chosen.emplace(kind, *algorithm_found).first;
    }
    algorithm = it->second;
  }
  const Tensor workspace = torch::empty({kWorkspaceBytes}, a.options().dtype(torch::kUInt8));
  const Tensor& addend = scales.addend != 0 ? c : result;
  check(cublasLtMatmul(handle,
                       problem.product.get(),
                       &scales.product,
                       b.data_ptr(),
                       problem.first.get(),
                       a.data_ptr(),
                       problem.second.get(),
                       &scales.addend,
                       addend.data_ptr(),
                       problem.out.get(),
                       result.data_ptr(),
                       problem.out.get(),
                       &algorithm,
                       workspace.data_ptr(),
                       static_cast<size_t>(kWorkspaceBytes),
                       c10::cuda::getCurrentCUDAStream(a.device().index()).stream()),
        "a product");
}

#else

void lt_matmul(const Tensor& a, const Tensor&, const Tensor&, const LtScales&, const Tensor&) {
  throw Error(ErrorParts{.what = "this program was built without CUDA",
                         .where = a.device().str(),
                         .remedy = "Build the preset `cuda`."});
}

#endif

bool takes_lt_linear(const Tensor& x,
                     const Tensor& weight,
                     const Tensor& bias,
                     const Tensor& addend) {
  constexpr std::uintptr_t kAlignment = 256;  // that cuBLASLt expects unless told otherwise
  const auto fits = [&](const Tensor& t) {
    return t.defined() && t.device() == x.device() && t.scalar_type() == torch::kBFloat16 &&
           t.is_contiguous() && reinterpret_cast<std::uintptr_t>(t.data_ptr()) % kAlignment == 0;
  };
  return has_cuda_kernels(x) && x.dim() >= 2 && x.numel() > 0 && fits(x) && fits(weight) &&
         fits(bias) && fits(addend) && addend.numel() / addend.size(-1) == x.numel() / x.size(-1) &&
         addend.size(-1) == weight.size(0) && x.size(-1) % kVector == 0 &&
         weight.size(0) % kVector == 0 && !at::autocast::is_autocast_enabled(at::kCUDA) &&
         !fused::requires_graph({x, weight, bias, addend});
}

Tensor lt_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& addend) {
  const Tensor result = torch::empty_like(addend);
  const auto rows = [](const Tensor& t) { return t.view({1, -1, t.size(-1)}); };
  lt_matmul(rows(x),
            weight.t().unsqueeze(0),
            rows(addend),
            {.product = 1, .addend = 1, .bias = bias},
            rows(result));
  return result;
}

}  // namespace parallax::cuda
