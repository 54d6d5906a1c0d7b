// Stacking views into batches.
#include "vision/train/nvs/nvs_batch.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace parallax {

NvsBatch NvsBatch::to(torch::Device device) const {
  const auto move = [&](const CameraBatch& cameras) {
    return CameraBatch{
        cameras.fxfycxcy.to(device), cameras.c2w.to(device), cameras.height, cameras.width};
  };
  return {.images = images.to(device),
          .inputs = move(inputs),
          .truth = truth.to(device),
          .targets = move(targets),
          .alpha = alpha.defined() ? alpha.to(device) : alpha};
}

NvsBatch make_batch(const std::vector<MultiViewSample>& scenes, int num_inputs) {
  const auto stack = [&](const auto& member) {
    std::vector<Tensor> tensors;
    tensors.reserve(scenes.size());
    for (const MultiViewSample& scene : scenes) {
      tensors.push_back(scene.*member);
    }
    return torch::stack(tensors);
  };
  const Tensor images = stack(&MultiViewSample::images);
  const CameraBatch cameras{.fxfycxcy = stack(&MultiViewSample::fxfycxcy),
                            .c2w = stack(&MultiViewSample::c2w),
                            .height = images.size(3),
                            .width = images.size(4)};
  const int64_t views = images.size(1);
  return {.images = images.slice(1, 0, num_inputs),
          .inputs = cameras.slice(0, num_inputs),
          .truth = images.slice(1, num_inputs, views),
          .targets = cameras.slice(num_inputs, views),
          .alpha = scenes.front().alpha.defined()
                       ? stack(&MultiViewSample::alpha).slice(1, num_inputs, views)
                       : Tensor()};
}

PartRange part_of_batch(int64_t batch_size, int64_t part, int64_t parts) {
  if (batch_size % parts != 0) {
    throw UsageError(ErrorParts{
        .what = "the batch cannot be divided evenly",
        .where = "--batch-size",
        .expected = fmt::format("a multiple of {} (processes times --accumulate)", parts),
        .got = fmt::format("{}", batch_size)});
  }
  const int64_t count = batch_size / parts;
  return {part * count, count};
}

}  // namespace parallax
