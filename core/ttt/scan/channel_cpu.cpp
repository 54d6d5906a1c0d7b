// Heads shared among threads.
#include "core/ttt/scan/channel_cpu.h"

#include "core/ops/common/autograd_support.h"
#include "core/ttt/scan/each_head.h"

namespace parallax {
namespace {

template <class T>
void scan_heads(const TileFeatures& features,
                const Tiling& tiling,
                const Tensor& state,
                const Tensor& output) {
  const auto& kernels = fused::table_of<T>(fused::select_table(
      kernels::kChannelPortable, kernels::kChannelAvx2, kernels::kChannelAvx512));
  for_each_head<T>(output.size(0), [&](const auto& of_head) {
    kernels.scan({.inner = features.keys.size(2),
                  .width = output.size(2),
                  .chunk = tiling.chunk,
                  .updating = tiling.updating,
                  .applied = tiling.applied,
                  .reads_own_step = tiling.own_updates == 1,
                  .factor = static_cast<T>(tiling.factor),
                  .keys = of_head(features.keys),
                  .values = of_head(features.values),
                  .queries = of_head(features.queries),
                  .decays = of_head(features.decays),
                  .rates = of_head(features.rates),
                  .output = of_head(output),
                  .state = of_head(state)});
  });
}

}  // namespace

Tensor channel_outputs(const TileFeatures& features, const Tiling& tiling, const Tensor& state) {
  const TileFeatures dense{features.keys.contiguous(),
                           features.values.contiguous(),
                           features.queries.contiguous(),
                           features.decays.contiguous(),
                           features.rates.defined() ? features.rates.contiguous() : Tensor()};
  Tensor output = torch::empty({dense.queries.size(0), tiling.applied, dense.values.size(2)},
                               dense.values.options());
  if (output.scalar_type() == torch::kFloat64) {
    scan_heads<double>(dense, tiling, state, output);
  } else {
    scan_heads<float>(dense, tiling, state, output);
  }
  return output;
}

}  // namespace parallax
