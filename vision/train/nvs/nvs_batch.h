// Batches of posed views for training LaCT-NVS, and where they come from.
#pragma once

#include "vision/models/lact_nvs/rays.h"
#include "vision/synth/multi_view_sample.h"

namespace parallax {

// Views of several scenes, divided into those read and those rendered.
struct NvsBatch {
  Tensor images;  // [B, Vi, 3, H, W] in [0, 1]: what the model reads
  CameraBatch inputs;
  Tensor truth;  // [B, Vt, 3, H, W]: what it should render
  CameraBatch targets;
  Tensor alpha;  // [B, Vt, 1, H, W]; undefined if the images have none

  // Copies; from pinned memory without waiting for the device.
  NvsBatch to(torch::Device device) const;
  // In memory that a GPU copies from by itself. Needs a GPU.
  NvsBatch pinned() const;
};

// A scene's views with the first `num_inputs` read and the rest rendered, stacked over scenes.
NvsBatch make_batch(const std::vector<MultiViewSample>& scenes, int num_inputs);

// Where a trainer's data come from. Batches depend only on the step and may be requested from
// another thread than the one that trains.
class NvsSource {
 public:
  NvsSource() = default;
  virtual ~NvsSource() = default;
  NvsSource(const NvsSource&) = delete;
  NvsSource& operator=(const NvsSource&) = delete;

  // Shard `shard` of `num_shards` equal shards of the step's batch. Throws UsageError if the batch
  // cannot be divided into so many.
  virtual NvsBatch batch(int64_t step, int64_t shard, int64_t num_shards) const = 0;

  // Scenes in the step's batch, over all shards.
  virtual int64_t batch_size(int64_t step) const = 0;

  // The batches that evaluations use; never trained on.
  virtual std::vector<NvsBatch> held_out() const = 0;
};

}  // namespace parallax
