// Rays and patches as tensor arithmetic.
#include "vision/models/lact_nvs/rays.h"

#include "core/base/error.h"

namespace parallax {

CameraBatch CameraBatch::slice(int64_t start, int64_t end) const {
  return {fxfycxcy.slice(1, start, end), c2w.slice(1, start, end), height, width};
}

CameraBatch CameraBatch::to(torch::Device device) const {
  return {fxfycxcy.to(device), c2w.to(device), height, width};
}

CameraBatch to_camera_batch(const std::vector<Camera>& cameras) {
  if (cameras.empty()) {
    throw Error("there are no cameras");
  }
  const auto count = static_cast<int64_t>(cameras.size());
  CameraBatch batch{.fxfycxcy = torch::empty({1, count, 4}, torch::kFloat64),
                    .c2w = torch::empty({1, count, 4, 4}, torch::kFloat64),
                    .height = cameras.front().height,
                    .width = cameras.front().width};
  auto* intrinsics = batch.fxfycxcy.data_ptr<double>();
  auto* poses = batch.c2w.data_ptr<double>();
  for (const Camera& camera : cameras) {
    if (camera.height != batch.height || camera.width != batch.width) {
      throw Error("the cameras of one batch must have one image size");
    }
    for (const double value : {camera.fx, camera.fy, camera.cx, camera.cy}) {
      *intrinsics++ = value;
    }
    poses = std::copy(camera.c2w.val, camera.c2w.val + 16, poses);
  }
  batch.fxfycxcy = batch.fxfycxcy.to(torch::kFloat32);
  batch.c2w = batch.c2w.to(torch::kFloat32);
  return batch;
}

namespace {

Tensor cross_product(const Tensor& a, const Tensor& b) {  // [B, V, 3, H, W] → the same
  const auto component = [&](int64_t i, int64_t j) {
    return a.select(2, i) * b.select(2, j) - a.select(2, j) * b.select(2, i);
  };
  return torch::stack({component(1, 2), component(2, 0), component(0, 1)}, 2);
}

}  // namespace

Rays compute_rays(const CameraBatch& cameras) {
  const int64_t batch = cameras.batch();
  const int64_t views = cameras.views();
  const int64_t height = cameras.height;
  const int64_t width = cameras.width;
  const auto options = cameras.c2w.options();
  const Tensor columns = torch::arange(width, options) + 0.5;  // [W]
  const Tensor rows = torch::arange(height, options) + 0.5;    // [H]
  const auto intrinsic = [&](int64_t i) { return cameras.fxfycxcy.select(2, i).unsqueeze(-1); };
  const Tensor x = (columns - intrinsic(2)) / intrinsic(0);  // [B, V, W]
  const Tensor y = (rows - intrinsic(3)) / intrinsic(1);     // [B, V, H]
  const std::vector<int64_t> grid = {batch, views, height, width};
  const Tensor local = torch::stack({x.unsqueeze(2).expand(grid),
                                     y.unsqueeze(3).expand(grid),
                                     torch::ones({1, 1, 1, 1}, options).expand(grid)},
                                    2);  // [B, V, 3, H, W]
  const Tensor rotation = cameras.c2w.slice(2, 0, 3).slice(3, 0, 3);
  Tensor direction = rotation.matmul(local.flatten(3));
  // Sums over three rows: LibTorch's norm and cross product of a dimension that is not the last go
  // from element to element.
  direction = (direction / direction.square().sum({2}, true).sqrt()).view_as(local);
  const Tensor origin =
      cameras.c2w.slice(2, 0, 3).select(3, 3).view({batch, views, 3, 1, 1}).expand_as(direction);
  return {origin, direction, cross_product(origin, direction)};
}

Tensor patchify(const Tensor& images, int64_t patch_size) {
  const int64_t rows = images.size(3) / patch_size;
  const int64_t columns = images.size(4) / patch_size;
  return images
      .reshape(
          {images.size(0), images.size(1), images.size(2), rows, patch_size, columns, patch_size})
      .permute({0, 1, 3, 5, 4, 6, 2})
      .reshape({images.size(0),
                images.size(1) * rows * columns,
                patch_size * patch_size * images.size(2)});
}

Tensor unpatchify(const Tensor& patches,
                  int64_t views,
                  int64_t height,
                  int64_t width,
                  int64_t patch_size) {
  const int64_t channels = patches.size(2) / (patch_size * patch_size);
  return patches
      .reshape({patches.size(0),
                views,
                height / patch_size,
                width / patch_size,
                patch_size,
                patch_size,
                channels})
      .permute({0, 1, 6, 2, 4, 3, 5})
      .reshape({patches.size(0), views, channels, height, width});
}

}  // namespace parallax
