// Stacks views into batches.
#include "vision/train/nvs/nvs_batch.h"

namespace parallax {

namespace {

template <class F>
NvsBatch map_batch(const NvsBatch& batch, const F& f) {
  const auto of_cameras = [&](const CameraBatch& cameras) {
    return CameraBatch{f(cameras.fxfycxcy), f(cameras.c2w), cameras.height, cameras.width};
  };
  return {.images = f(batch.images),
          .inputs = of_cameras(batch.inputs),
          .truth = f(batch.truth),
          .targets = of_cameras(batch.targets),
          .alpha = batch.alpha.defined() ? f(batch.alpha) : batch.alpha};
}

}  // namespace

NvsBatch NvsBatch::to(torch::Device device) const {
  return map_batch(*this, [&](const Tensor& x) {
    return x.to(device, /*non_blocking=*/device.is_cuda() && x.is_pinned());
  });
}

NvsBatch NvsBatch::pinned() const {
  return map_batch(*this, [](const Tensor& x) { return x.contiguous().pin_memory(); });
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
