// Training views of one scene, to adapt a model to it: only its input views, rearranged and
// augmented.
#pragma once

#include "core/base/options.h"
#include "vision/eval/prepared_scene.h"
#include "vision/train/nvs/nvs_batch.h"
#include "vision/train/nvs/view_warp.h"

namespace parallax {

// How the views are varied, so that a model learns the scene and not its images.
struct SceneAugmentOptions {
  bool no_turn = false;
  bool no_mirror = false;
  double roll = 10;
  double shift = 0.05;
  double zoom = 0.1;
  bool permute_colours = false;

  WarpRange warp() const { return {.roll = roll, .shift = shift, .zoom = zoom}; }

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("no_turn",
            self.no_turn,
            "never turn the world about its vertical (done only if cameras surround an object)");
    visitor("no_mirror", self.no_mirror, "never mirror the world");
    visitor("roll",
            self.roll,
            "degrees by which cameras are turned about their axes; like shift and zoom only if "
            "images have alpha",
            OptionRange{0, 180});
    visitor("shift",
            self.shift,
            "largest shift of an image's centre, as a share of its size",
            OptionRange{0, 0.5});
    visitor("zoom",
            self.zoom,
            "focal lengths vary by a factor of up to 1 plus or minus this",
            OptionRange{0, 0.5});
    visitor("permute_colours", self.permute_colours, "exchange red, green and blue at random");
  }
};

// How training views are drawn from a scene.
struct SceneSourceOptions {
  int64_t batch_size = 1;  // rearrangements per step
  int target_views = 4;
  int min_inputs = 4;  // at most all others; drawn again in each step
  SceneAugmentOptions augment;
  cv::Vec3f background = {1, 1, 1};  // what the images were composited on
  int kept_back = 0;  // input views held back from training, to tell when to stop; 0: a sixteenth
};

// Batches of one scene's input views.
class SceneSource : public NvsSource {
 public:
  // Uses `scene.inputs` only. `detailed` holds the same views at twice the size, from which warped
  // ones are sampled; without it there is no roll, shift or zoom. Throws UsageError if there are
  // too few views.
  SceneSource(const PreparedScene& scene,
              const SceneSourceOptions& options,
              int64_t seed,
              const ViewSet* detailed = nullptr);

  NvsBatch batch(int64_t step, int64_t shard, int64_t num_shards) const override;
  int64_t batch_size(int64_t step) const override;

  // The kept-back views, rendered from all others.
  std::vector<NvsBatch> held_out() const override;

  int learned_views() const { return static_cast<int>(learned_.size()); }
  const std::vector<int>& kept_back() const { return kept_back_; }  // positions among the inputs

 private:
  MultiViewSample draw(const std::vector<int>& views, Random& random) const;

  MultiViewSample views_;     // all input views
  MultiViewSample detailed_;  // the same, for warping; or empty
  SceneSourceOptions options_;
  std::uint64_t seed_;
  std::vector<int> learned_;
  std::vector<int> kept_back_;
};

// Turns the world about z by a rotation matrix: images stay the same, poses change.
void turn_world(MultiViewSample& sample, const cv::Matx33d& rotation);

// Mirrors the world in x, and each image with it.
void mirror_world(MultiViewSample& sample);

}  // namespace parallax
