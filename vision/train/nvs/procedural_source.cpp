// Draws the scenes of each step.
#include "vision/train/nvs/procedural_source.h"

#include <fmt/format.h>

#include <atomic>
#include <future>

#include "core/base/error.h"
#include "vision/scene/image_size.h"
#include "vision/synth/random.h"
#include "vision/train/train_task.h"

namespace parallax {
namespace {

constexpr std::uint64_t kTrainingStream = 1;
constexpr std::uint64_t kScenesStream = 2;
constexpr std::uint64_t kDifficultyStream = 3;
// Held-out scenes are the same for every run and model.
constexpr std::uint64_t kHeldOutSeed = 0x5EED0F7E57;
constexpr int kHeldOutTargets = 8;

// f(i) for all i below `count`, each taken by the next thread that is free. Rethrows what one
// threw.
template <class F>
void for_each_on_threads(int64_t count, int threads, const F& f) {
  std::atomic<int64_t> next = 0;
  const auto work = [&] {
    for (int64_t i = next++; i < count; i = next++) {
      f(i);
    }
  };
  std::vector<std::future<void>> others;
  for (int64_t i = 1; i < std::min<int64_t>(threads, count); ++i) {
    others.push_back(std::async(std::launch::async, work));
  }
  work();
  for (std::future<void>& other : others) {
    other.get();
  }
}

// Copies one view of the sample over another.
void copy_view(MultiViewSample& sample, int from, int to) {
  for (const Tensor& tensor : {sample.images, sample.alpha, sample.fxfycxcy, sample.c2w}) {
    tensor[to].copy_(tensor[from]);
  }
}

}  // namespace

ProceduralSource::ProceduralSource(const NvsDataOptions& options,
                                   int64_t seed,
                                   int64_t total_steps,
                                   int patch_size,
                                   int threads)
    : options_(options),
      seed_(static_cast<std::uint64_t>(seed)),
      total_steps_(total_steps),
      threads_(threads),
      batch_sizes_(options.batch_size, "--batch-size"),
      sizes_(options.size, "--size"),
      difficulties_(options.difficulty, "--difficulty"),
      input_views_(parse_count_range(options.input_views, "--input-views")) {
  for (const std::string& text : batch_sizes_.values()) {
    parse_count(text, "--batch-size", 1);
  }
  for (const std::string& text : difficulties_.values()) {
    parse_difficulty_range(text);
  }
  for (const std::string& text : sizes_.values()) {
    const ImageSize size = parse_image_size(text, "--size");
    if (size.height % patch_size != 0 || size.width % patch_size != 0) {
      throw UsageError(ErrorParts{.what = "the image size does not fit the model's patches",
                                  .where = "--size",
                                  .expected = fmt::format("multiples of {}", patch_size),
                                  .got = text});
    }
    final_height_ = size.height;
    final_width_ = size.width;
  }
}

MultiViewSample ProceduralSource::draw_scene(const SceneFamily& family,
                                             std::uint64_t seed,
                                             double progress,
                                             int num_inputs,
                                             int height,
                                             int width) const {
  const int views = num_inputs + options_.target_views;
  MultiViewSample sample = sample_scene(family, seed, views, height, width, options_.samples);
  if (progress < options_.copied_until) {
    const double share = options_.copied_targets * (1 - progress / options_.copied_until);
    Random random = Random(seed).fork(kTrainingStream);
    for (int view = num_inputs; view < views; ++view) {
      if (random.chance(share)) {
        copy_view(sample, random.integer(0, num_inputs - 1), view);
      }
    }
  }
  return sample;
}

int64_t ProceduralSource::batch_size(int64_t step) const {
  const double progress = static_cast<double>(step) / static_cast<double>(total_steps_);
  return parse_count(batch_sizes_.at(progress), "--batch-size", 1);
}

NvsBatch ProceduralSource::batch(int64_t step, int64_t shard, int64_t num_shards) const {
  const double progress = static_cast<double>(step) / static_cast<double>(total_steps_);
  const Interval difficulty = parse_difficulty_range(difficulties_.at(progress));
  const ImageSize size = parse_image_size(sizes_.at(progress), "--size");
  const Random of_step = Random(seed_).fork(kTrainingStream).fork(static_cast<std::uint64_t>(step));
  Random random = of_step;
  const int num_inputs = random.integer(input_views_.min, input_views_.max);
  const ShardRange range = shard_of_batch(batch_size(step), shard, num_shards);
  std::vector<MultiViewSample> scenes(static_cast<size_t>(range.count));
  for_each_on_threads(range.count, threads_, [&](int64_t i) {
    Random of_scene = of_step.fork(kScenesStream + static_cast<std::uint64_t>(range.first + i));
    const SceneFamily family =
        family_at(of_scene.fork(kDifficultyStream).uniform(difficulty.low, difficulty.high));
    scenes[static_cast<size_t>(i)] =
        draw_scene(family, of_scene.next(), progress, num_inputs, size.height, size.width);
  });
  return make_batch(scenes, num_inputs);
}

std::vector<NvsBatch> ProceduralSource::held_out() const {
  // Of a range, the easy end is used, so that results can be compared.
  const SceneFamily family = family_at(parse_difficulty_range(difficulties_.last()).low);
  std::vector<NvsBatch> batches;
  for (int i = 0; i < options_.evaluation_scenes; ++i) {
    Random random = Random(kHeldOutSeed).fork(static_cast<std::uint64_t>(i));
    batches.push_back(make_batch({sample_scene(family,
                                               random.next(),
                                               input_views_.max + kHeldOutTargets,
                                               final_height_,
                                               final_width_,
                                               options_.samples)},
                                 input_views_.max));
  }
  return batches;
}

}  // namespace parallax
