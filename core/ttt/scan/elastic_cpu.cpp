// Heads shared among threads.
#include "core/ttt/scan/elastic_cpu.h"

#include "core/ops/common/autograd_support.h"
#include "core/ttt/kernels/elastic_scan.h"
#include "core/ttt/scan/each_head.h"

namespace parallax {
namespace {

template <class T>
void run_on_heads(const ElasticOptions& options,
                  const TileFeatures& features,
                  const Tiling& tiling,
                  bool squares,
                  const ElasticState& state,
                  const Tensor& output) {
  const auto& kernels = fused::table_of<T>(fused::select_table(
      kernels::kElasticPortable, kernels::kElasticAvx2, kernels::kElasticAvx512));
  for_each_head<T>(output.size(0), [&](const auto& of_head) {
    kernels.scan({.inner = features.keys.size(2),
                  .width = output.size(2),
                  .chunk = tiling.chunk,
                  .updating = tiling.updating,
                  .applied = tiling.applied,
                  .reads_own_step = tiling.own_updates == 1,
                  .squares = squares,
                  .strength = static_cast<T>(options.strength),
                  .importance_decay = static_cast<T>(options.importance_decay),
                  .anchor_decay = static_cast<T>(options.anchor_decay),
                  .keys = of_head(features.keys),
                  .values = of_head(features.values),
                  .queries = of_head(features.queries),
                  .output = of_head(output),
                  .weights = of_head(state.weights),
                  .anchor = of_head(state.anchor),
                  .importance = of_head(state.importance)});
  });
}

}  // namespace

Tensor elastic_outputs(const ElasticOptions& options,
                       const TileFeatures& features,
                       const Tiling& tiling,
                       bool squares,
                       ElasticState& state) {
  const TileFeatures dense{(tiling.factor * features.keys).contiguous(),
                           features.values.contiguous(),
                           features.queries.contiguous()};
  const auto copy = [](const Tensor& x) { return x.clone(at::MemoryFormat::Contiguous); };
  state = {copy(state.weights), copy(state.anchor), copy(state.importance)};
  Tensor output = torch::zeros({dense.queries.size(0), tiling.applied, dense.values.size(2)},
                               dense.values.options());
  if (output.scalar_type() == torch::kFloat64) {
    run_on_heads<double>(options, dense, tiling, squares, state, output);
  } else {
    run_on_heads<float>(options, dense, tiling, squares, state, output);
  }
  return output;
}

}  // namespace parallax
