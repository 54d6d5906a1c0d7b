// Rearranges one scene's views.
#include "vision/train/nvs/scene_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "vision/synth/random.h"
#include "vision/train/train_task.h"

namespace parallax {
namespace {

constexpr int kViewsPerKeptBack = 16;

void shuffle(std::vector<int>& values, Random& random) {
  for (size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[random.integer(0, static_cast<int>(i) - 1)]);
  }
}

// Uniform in the logarithm: steps that read many views are needed, but each costs as much as
// several that read few.
int draw_input_count(Random& random, int min, int max) {
  const double drawn = std::exp(random.uniform(std::log(min), std::log(max + 1)));
  return std::clamp(static_cast<int>(drawn), min, max);
}

MultiViewSample sample_of(const ViewSet& views) {
  return {.images = views.images[0],
          .alpha = views.alpha.defined() ? views.alpha[0] : Tensor(),
          .fxfycxcy = views.batch.fxfycxcy[0],
          .c2w = views.batch.c2w[0]};
}

MultiViewSample gather(const MultiViewSample& all, const std::vector<int>& views) {
  const std::vector<int64_t> indices(views.begin(), views.end());
  const Tensor index = torch::tensor(indices, torch::kInt64);
  return {.images = all.images.index_select(0, index),
          .alpha = all.alpha.defined() ? all.alpha.index_select(0, index) : Tensor(),
          .fxfycxcy = all.fxfycxcy.index_select(0, index),
          .c2w = all.c2w.index_select(0, index)};
}

}  // namespace

SceneSource::SceneSource(const PreparedScene& scene,
                         const SceneSourceOptions& options,
                         int64_t seed,
                         const ViewSet* detailed)
    : views_(sample_of(scene.inputs)), options_(options), seed_(static_cast<std::uint64_t>(seed)) {
  options_.augment.no_turn |= !scene.surrounds_object;
  if (detailed != nullptr) {
    detailed_ = sample_of(*detailed);
  }
  const auto count = static_cast<int>(scene.inputs.indices.size());
  const int kept = options.kept_back > 0 ? options.kept_back : 1 + (count - 1) / kViewsPerKeptBack;
  const int needed = kept + options.min_inputs + options.target_views;
  if (count < needed) {
    throw UsageError(
        ErrorParts{.what = "the scene has too few input views to learn from",
                   .where = "--input-views",
                   .expected = fmt::format("at least {}: {} to read, {} to render, {} kept back",
                                           needed,
                                           options.min_inputs,
                                           options.target_views,
                                           kept),
                   .got = fmt::format("{}", count)});
  }
  // Spread over the inputs in the order in which they were chosen, which is by distance.
  for (int i = 0; i < kept; ++i) {
    kept_back_.push_back((2 * i + 1) * count / (2 * kept));
  }
  for (int i = 0; i < count; ++i) {
    if (std::find(kept_back_.begin(), kept_back_.end(), i) == kept_back_.end()) {
      learned_.push_back(i);
    }
  }
}

MultiViewSample SceneSource::draw(const std::vector<int>& views, Random& random) const {
  const SceneAugmentOptions& augment = options_.augment;
  MultiViewSample sample;
  if (detailed_.images.defined()) {
    sample = warp_views(gather(detailed_, views),
                        augment.warp(),
                        options_.background,
                        static_cast<int>(views_.images.size(2)),
                        static_cast<int>(views_.images.size(3)),
                        random);
  } else {
    sample = gather(views_, views);
  }
  if (!augment.no_turn) {
    turn_world(sample, random.vertical_rotation());
  }
  if (!augment.no_mirror && random.chance(0.5)) {
    mirror_world(sample);
  }
  if (augment.permute_colours) {
    std::vector<int> order = {0, 1, 2};
    shuffle(order, random);
    sample.images = sample.images.index_select(1, torch::tensor(order, torch::kInt32));
  }
  return sample;
}

NvsBatch SceneSource::batch(int64_t step, int64_t shard, int64_t num_shards) const {
  const Random of_step = Random(seed_).fork(static_cast<std::uint64_t>(step));
  Random random = of_step;
  const int num_inputs =
      draw_input_count(random, options_.min_inputs, learned_views() - options_.target_views);
  const ShardRange range = shard_of_batch(options_.batch_size, shard, num_shards);
  std::vector<MultiViewSample> samples;
  for (int64_t i = range.first; i < range.first + range.count; ++i) {
    Random of_sample = of_step.fork(static_cast<std::uint64_t>(i) + 1);
    std::vector<int> order = learned_;
    shuffle(order, of_sample);
    order.resize(num_inputs + options_.target_views);
    samples.push_back(draw(order, of_sample));
  }
  return make_batch(samples, num_inputs);
}

int64_t SceneSource::batch_size(int64_t /*step*/) const { return options_.batch_size; }

std::vector<NvsBatch> SceneSource::held_out() const {
  std::vector<int> order = learned_;
  order.insert(order.end(), kept_back_.begin(), kept_back_.end());
  return {make_batch({gather(views_, order)}, learned_views())};
}

void turn_world(MultiViewSample& sample, const cv::Matx33d& rotation) {
  Tensor turn = torch::eye(4, torch::kFloat64);
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) {
      turn[row][column] = rotation(row, column);
    }
  }
  sample.c2w = turn.matmul(sample.c2w.to(torch::kFloat64)).to(sample.c2w.scalar_type());
}

void mirror_world(MultiViewSample& sample) {
  // A mirrored camera is left-handed; flipping its image makes it right-handed again.
  const Tensor flip = torch::ones({4}, sample.c2w.options());
  flip[0] = -1;
  sample.c2w = flip.unsqueeze(1) * sample.c2w * flip;
  sample.images = sample.images.flip({3});
  if (sample.alpha.defined()) {
    sample.alpha = sample.alpha.flip({3});
  }
  const auto width = static_cast<double>(sample.images.size(3));
  sample.fxfycxcy = sample.fxfycxcy.clone();
  sample.fxfycxcy.select(1, 2).neg_().add_(width);
}

}  // namespace parallax
