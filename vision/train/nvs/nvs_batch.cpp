// Stacks views into batches.
#include "vision/train/nvs/nvs_batch.h"

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

}  // namespace parallax
