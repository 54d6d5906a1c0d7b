// Training views of one scene, to adapt a model to it: its input views alone, rearranged and
// augmented.
#pragma once

#include "vision/nvs/prepared_scene.h"
#include "vision/train/nvs_batch.h"

namespace parallax {

struct SceneSourceOptions {
  int64_t batch_size = 2;  // rearrangements a step
  int target_views = 4;
  int min_inputs = 4;
  bool turn = true;  // the world about its vertical; only where the cameras surround an object
  bool mirror = true;
  int kept_back =
      0;  // input views that are never learned from, to tell when to stop; 0: a sixteenth
};

class SceneSource : public NvsSource {
 public:
  // Uses `scene.inputs` only. Throws UsageError when there are too few views.
  SceneSource(const PreparedScene& scene, const SceneSourceOptions& options, int64_t seed);

  NvsBatch batch(int64_t step, int64_t part, int64_t parts) const override;

  // The kept-back views, rendered from all others.
  std::vector<NvsBatch> held_out() const override;

  int learned_views() const { return static_cast<int>(learned_.size()); }
  const std::vector<int>& kept_back() const { return kept_back_; }  // positions among the inputs

 private:
  MultiViewSample gather(const std::vector<int>& views) const;

  MultiViewSample views_;  // all input views
  SceneSourceOptions options_;
  std::uint64_t seed_;
  std::vector<int> learned_;
  std::vector<int> kept_back_;
};

// The world turned about z by a rotation matrix: images stay, poses change.
void turn_world(MultiViewSample& sample, const cv::Matx33d& rotation);

// The world mirrored in x, and each picture with it.
void mirror_world(MultiViewSample& sample);

}  // namespace parallax
