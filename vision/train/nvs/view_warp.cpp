// Applies the homographies of turned cameras by sampling.
#include "vision/train/nvs/view_warp.h"

#include <cmath>

namespace parallax {
namespace {

constexpr int kSamplesPerSide = 2;
constexpr double kDegrees = 3.14159265358979323846 / 180;

// A camera turned about its centre: `rotation` takes its axes to the original's.
struct TurnedCamera {
  cv::Matx33d rotation;
  cv::Vec4d fxfycxcy;  // of the warped image
};

TurnedCamera draw_camera(const cv::Vec4d& intrinsics,  // at the warped image's size
                         const WarpRange& range,
                         int height,
                         int width,
                         Random& random) {
  const double zoom = 1 + random.uniform(-range.zoom, range.zoom);
  const double right = random.uniform(-range.shift, range.shift) * width / intrinsics[0];
  const double down = random.uniform(-range.shift, range.shift) * height / intrinsics[1];
  const double roll = random.uniform(-range.roll, range.roll) * kDegrees;
  const cv::Matx33d about_axis(
      std::cos(roll), -std::sin(roll), 0, std::sin(roll), std::cos(roll), 0, 0, 0, 1);
  // The axes of a camera that looks towards (right, down, 1).
  const cv::Vec3d forward = cv::normalize(cv::Vec3d(right, down, 1));
  const cv::Vec3d x = cv::normalize(cv::Vec3d(0, 1, 0).cross(forward));
  const cv::Vec3d y = forward.cross(x);
  const cv::Matx33d look(x[0], y[0], forward[0], x[1], y[1], forward[1], x[2], y[2], forward[2]);
  return {look * about_axis,
          {intrinsics[0] * zoom, intrinsics[1] * zoom, intrinsics[2], intrinsics[3]}};
}

// The positions of the warped image's samples in the original: [rows, cols, 2] in [-1, 1].
Tensor sampling_grid(const TurnedCamera& camera,
                     const cv::Vec4d& original,
                     double original_height,
                     double original_width,
                     int height,
                     int width) {
  const Tensor grid = torch::empty({height * kSamplesPerSide, width * kSamplesPerSide, 2});
  auto* out = grid.data_ptr<float>();
  const cv::Vec4d& k = camera.fxfycxcy;
  for (int row = 0; row < height * kSamplesPerSide; ++row) {
    for (int column = 0; column < width * kSamplesPerSide; ++column) {
      const cv::Vec3d ray =
          camera.rotation * cv::Vec3d(((column + 0.5) / kSamplesPerSide - k[2]) / k[0],
                                      ((row + 0.5) / kSamplesPerSide - k[3]) / k[1],
                                      1);
      const double x = original[0] * ray[0] / ray[2] + original[2];
      const double y = original[1] * ray[1] / ray[2] + original[3];
      *out++ = static_cast<float>(2 * x / original_width - 1);
      *out++ = static_cast<float>(2 * y / original_height - 1);
    }
  }
  return grid;
}

// [V, C, H', W'] → [V, C, H, W]; zero outside.
Tensor sample_at(const Tensor& images, const Tensor& grids) {
  return torch::avg_pool2d(at::grid_sampler(images,
                                            grids,
                                            /*interpolation_mode=*/0,
                                            /*padding_mode=*/0,
                                            /*align_corners=*/false),
                           kSamplesPerSide);
}

}  // namespace

MultiViewSample warp_views(const MultiViewSample& sample,
                           const WarpRange& range,
                           const cv::Vec3f& background,
                           int height,
                           int width,
                           Random& random) {
  const int64_t views = sample.images.size(0);
  const auto from_height = static_cast<double>(sample.images.size(2));
  const auto from_width = static_cast<double>(sample.images.size(3));
  MultiViewSample warped{.fxfycxcy = torch::empty_like(sample.fxfycxcy), .c2w = sample.c2w.clone()};
  std::vector<Tensor> grids;
  for (int64_t view = 0; view < views; ++view) {
    const auto* k = sample.fxfycxcy[view].const_data_ptr<float>();
    const cv::Vec4d original(k[0], k[1], k[2], k[3]);
    const double by_x = width / from_width;
    const double by_y = height / from_height;
    const TurnedCamera camera = draw_camera(
        {k[0] * by_x, k[1] * by_y, k[2] * by_x, k[3] * by_y}, range, height, width, random);
    grids.push_back(sampling_grid(camera, original, from_height, from_width, height, width));
    const Tensor rotation = torch::empty({3, 3});
    for (int i = 0; i < 9; ++i) {
      rotation.data_ptr<float>()[i] = static_cast<float>(camera.rotation.val[i]);
    }
    warped.c2w[view].slice(0, 0, 3).slice(1, 0, 3).copy_(
        sample.c2w[view].slice(0, 0, 3).slice(1, 0, 3).matmul(rotation));
    for (int i = 0; i < 4; ++i) {
      warped.fxfycxcy[view][i] = camera.fxfycxcy[i];
    }
  }
  const Tensor grid = torch::stack(grids);
  const Tensor behind =
      torch::tensor({background[0], background[1], background[2]}).view({1, 3, 1, 1});
  warped.images = sample_at(sample.images - behind, grid) + behind;
  if (sample.alpha.defined()) {
    warped.alpha = sample_at(sample.alpha, grid);
  }
  return warped;
}

}  // namespace parallax
