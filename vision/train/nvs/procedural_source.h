// Training views of procedural scenes, rendered on demand.
#pragma once

#include "vision/train/nvs/nvs_batch.h"
#include "vision/train/nvs/nvs_data_options.h"
#include "vision/train/staged_value.h"

namespace parallax {

// Every scene of every step is new, determined by the seed, the step and its position in the batch.
class ProceduralSource : public NvsSource {
 public:
  // `threads` draw the scenes of a batch: where a GPU trains, the processor has nothing else to do.
  // Throws UsageError naming the option that cannot be read.
  ProceduralSource(const NvsDataOptions& options,
                   int64_t seed,
                   int64_t total_steps,
                   int patch_size,
                   int threads = 1);

  NvsBatch batch(int64_t step, int64_t shard, int64_t num_shards) const override;
  int64_t batch_size(int64_t step) const override;
  std::vector<NvsBatch> held_out() const override;

  int final_height() const { return final_height_; }
  int final_width() const { return final_width_; }

 private:
  MultiViewSample draw_scene(const SceneFamily& family,
                             std::uint64_t seed,
                             double progress,
                             int num_inputs,
                             int height,
                             int width) const;

  NvsDataOptions options_;
  std::uint64_t seed_;
  int64_t total_steps_;
  int threads_;
  StagedValue batch_sizes_;
  StagedValue sizes_;
  StagedValue difficulties_;
  CountRange input_views_;
  int final_height_ = 0;
  int final_width_ = 0;
};

}  // namespace parallax
