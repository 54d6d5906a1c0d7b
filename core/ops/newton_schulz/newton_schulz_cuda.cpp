// The iteration's products in float16, summed in float32.
#include "core/ops/newton_schulz/newton_schulz_cuda.h"

#include "core/ops/common/autograd_support.h"
#include "core/ops/cuda/lt_matmul.h"
#include "core/ops/cuda/operators.h"
#include "core/ops/newton_schulz/newton_schulz_gram.h"

namespace parallax {

bool has_cuda_newton_schulz(const Tensor& gradient, const NewtonSchulzOptions& options) {
  return cuda::has_cuda_kernels(gradient) && gradient.scalar_type() == torch::kFloat32 &&
         options.precision == NewtonSchulzPrecision::kBfloat16Products && options.steps > 0 &&
         gradient.numel() > 0 && !fused::requires_graph({gradient});
}

Tensor orthogonalise_cuda(const Tensor& gradient, const NewtonSchulzOptions& options) {
  const Tensor dense = gradient.contiguous().view({-1, gradient.size(-2), gradient.size(-1)});
  const int64_t count = dense.size(0);
  const Tensor norms = dense.view({count, -1}).norm(2, {1}) + kFrobeniusEps;
  Tensor x = cuda::scaled_to_float16(dense, norms.reciprocal());
  Tensor next = torch::empty_like(x);
  // The Gram matrix of the smaller side: A = X Xᵀ and P X, or A = Xᵀ X and X P.
  const bool wide = dense.size(1) <= dense.size(2);
  const int64_t side = std::min(dense.size(1), dense.size(2));
  const Tensor gram = torch::empty({count, side, side}, x.options());
  const Tensor polynomial = torch::empty_like(gram);
  for (int step = 0; step < options.steps; ++step) {
    const auto& [a, b, c] = coefficients_of_step(options, step);
    const Tensor turned = x.transpose(1, 2);
    const auto weigh = [](double product, double addend) {
      return cuda::LtScales{static_cast<float>(product), static_cast<float>(addend)};
    };
    cuda::lt_matmul(wide ? x : turned, wide ? turned : x, {}, {}, gram);
    cuda::lt_matmul(gram, gram, gram, weigh(c, b), polynomial);
    cuda::lt_matmul(wide ? polynomial : x, wide ? x : polynomial, x, weigh(1, a), next);
    std::swap(x, next);
  }
  return x.view(gradient.sizes());
}

}  // namespace parallax
