// Heads in LibTorch operations.
#include "core/ops/elementwise/heads_reference.h"

#include "core/ops/common/autograd_support.h"

namespace parallax {
namespace {

Tensor rotate_reference(const Tensor& rows, const HeadSplit& split) {  // [B·heads, L, D]
  const int64_t tokens = rows.size(1);
  const int64_t width = rows.size(2);
  const auto precision = fused::compute_dtype(rows);
  // By head, then token; the batch dimension is broadcast where the layout has it.
  const Tensor turns = torch::view_as_complex(split.rotations.to(precision)
                                                  .view({tokens, split.heads, width / 2, 2})
                                                  .transpose(0, 1)
                                                  .contiguous());
  const Tensor pairs = torch::view_as_complex(rows.to(precision).contiguous().view(
      split.heads_first ? std::vector<int64_t>{split.heads, -1, tokens, width / 2, 2}
                        : std::vector<int64_t>{-1, split.heads, tokens, width / 2, 2}));
  const Tensor turned = pairs * (split.heads_first ? turns.unsqueeze(1) : turns.unsqueeze(0));
  return torch::view_as_real(turned).view(rows.sizes()).to(rows.scalar_type());
}

}  // namespace

std::vector<Tensor> split_heads_reference(const Tensor& packed,
                                          const HeadSplit& split,
                                          const std::vector<Tensor>& weights) {
  const auto parts = static_cast<int64_t>(split.modes.size());
  const int64_t width = packed.size(2) / (parts * split.heads);
  // One unbind has one backward pass; a select per part would fill and add a whole tensor each.
  const auto order =
      split.heads_first ? std::vector<int64_t>{2, 3, 0, 1, 4} : std::vector<int64_t>{2, 0, 3, 1, 4};
  std::vector<Tensor> rows =
      packed.reshape({packed.size(0), packed.size(1), parts, split.heads, width})
          .permute(order)
          .reshape({parts, packed.size(0) * split.heads, packed.size(1), width})
          .unbind(0);
  for (size_t i = 0; i < rows.size(); ++i) {
    switch (split.modes[i]) {
      case HeadMode::kSilu:
        rows[i] = torch::silu(rows[i]);
        break;
      case HeadMode::kSiluUnit:
        rows[i] = torch::silu(rows[i]);
        rows[i] = rows[i] / (rows[i].norm(2, {-1}, true) + split.eps);
        break;
      case HeadMode::kRmsNorm:
        rows[i] = at::rms_norm(rows[i], weights[i].sizes(), weights[i], split.eps);
        break;
      case HeadMode::kRotate:
        rows[i] = rotate_reference(rows[i], split);
        break;
      default:
        break;
    }
    // Under mixed precision some of these operations give float32; the kernels keep the dtype.
    rows[i] = rows[i].to(packed.scalar_type());
  }
  return rows;
}

Tensor merge_heads_reference(const Tensor& parted,
                             int64_t heads,
                             const Tensor& weight,
                             double eps) {
  return at::rms_norm(parted, weight.sizes(), weight, eps)
      .view({parted.size(0) / heads, heads, parted.size(1), parted.size(2)})
      .transpose(1, 2)
      .flatten(2);
}

}  // namespace parallax
