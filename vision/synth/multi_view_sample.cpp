// Turns rendered images into tensors.
#include "vision/synth/multi_view_sample.h"

#include "core/base/error.h"

namespace parallax {

namespace {

// Writes one premultiplied image as planes.
void composite(const cv::Mat& picture, const cv::Vec3f& background, float* image, float* alpha) {
  const std::int64_t plane = static_cast<std::int64_t>(picture.rows) * picture.cols;
  for (int y = 0; y < picture.rows; ++y) {
    const auto* row = picture.ptr<cv::Vec4f>(y);
    for (int x = 0; x < picture.cols; ++x) {
      const std::int64_t i = static_cast<std::int64_t>(y) * picture.cols + x;
      for (int c = 0; c < 3; ++c) {
        image[c * plane + i] = row[x][c] + (1 - row[x][3]) * background[c];
      }
      alpha[i] = row[x][3];
    }
  }
}

}  // namespace

MultiViewSample render_sample(const SceneRenderer& renderer,
                              const std::vector<Camera>& cameras,
                              const cv::Vec3f& background,
                              int samples) {
  if (cameras.empty()) {
    throw Error("a sample needs at least one view");
  }
  const int height = cameras.front().height;
  const int width = cameras.front().width;
  const auto num_views = static_cast<std::int64_t>(cameras.size());
  MultiViewSample sample;
  sample.images = torch::empty({num_views, 3, height, width});
  sample.alpha = torch::empty({num_views, 1, height, width});
  sample.fxfycxcy = torch::empty({num_views, 4});
  sample.c2w = torch::empty({num_views, 4, 4});
  const std::int64_t plane = static_cast<std::int64_t>(height) * width;
  for (std::int64_t v = 0; v < num_views; ++v) {
    const Camera& camera = cameras[v];
    if (camera.height != height || camera.width != width) {
      throw Error(
          ErrorParts{.what = "the views of a sample differ in size",
                     .expected = std::to_string(height) + "x" + std::to_string(width),
                     .got = std::to_string(camera.height) + "x" + std::to_string(camera.width)});
    }
    composite(renderer.render(camera, samples),
              background,
              sample.images.data_ptr<float>() + v * 3 * plane,
              sample.alpha.data_ptr<float>() + v * plane);
    auto* intrinsics = sample.fxfycxcy.data_ptr<float>() + v * 4;
    intrinsics[0] = static_cast<float>(camera.fx);
    intrinsics[1] = static_cast<float>(camera.fy);
    intrinsics[2] = static_cast<float>(camera.cx);
    intrinsics[3] = static_cast<float>(camera.cy);
    auto* pose = sample.c2w.data_ptr<float>() + v * 16;
    for (int i = 0; i < 16; ++i) {
      pose[i] = static_cast<float>(camera.c2w.val[i]);
    }
  }
  return sample;
}

MultiViewSample sample_scene(const SceneFamily& family,
                             std::uint64_t seed,
                             int num_views,
                             int height,
                             int width,
                             int samples) {
  const SceneRenderer renderer(build_scene(describe_scene(family, seed)));
  return render_sample(
      renderer, sample_cameras(family, seed, num_views, height, width), family.background, samples);
}

}  // namespace parallax
