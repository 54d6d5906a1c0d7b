// Procedural scenes as tensors, made on the fly for training.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/torch.h"
#include "vision/scene/camera.h"
#include "vision/synth/scene_generator.h"
#include "vision/synth/scene_renderer.h"

namespace parallax {

// V views of one scene.
struct MultiViewSample {
  Tensor images;    // [V, 3, H, W] float32, RGB in [0, 1], composited on the background
  Tensor alpha;     // [V, 1, H, W] float32, coverage
  Tensor fxfycxcy;  // [V, 4] float32, pixels
  Tensor c2w;       // [V, 4, 4] float32, OpenCV convention
};

// The scene of a seed seen by that seed's cameras, with `samples`² rays per pixel. May be called
// from several threads at once; uses the calling thread only.
MultiViewSample sample_scene(const SceneFamily& family,
                             std::uint64_t seed,
                             int num_views,
                             int height,
                             int width,
                             int samples);

// Renders the given views of a scene. All cameras have the same image size; throws Error otherwise.
MultiViewSample render_sample(const SceneRenderer& renderer,
                              const std::vector<Camera>& cameras,
                              const cv::Vec3f& background,
                              int samples);

}  // namespace parallax
