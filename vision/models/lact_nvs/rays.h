// Per-pixel rays of posed cameras, and images cut into patches (SPEC §2).
#pragma once

#include <vector>

#include "core/base/torch.h"
#include "vision/scene/camera.h"

namespace parallax {

// Cameras of one size as tensors, float32 unless converted.
struct CameraBatch {
  Tensor fxfycxcy;  // [B, V, 4], pixels
  Tensor c2w;       // [B, V, 4, 4], OpenCV camera to world
  int64_t height = 0;
  int64_t width = 0;

  int64_t batch() const { return c2w.size(0); }
  int64_t views() const { return c2w.size(1); }
  CameraBatch slice(int64_t start, int64_t end) const;  // views [start, end)
  CameraBatch to(torch::Device device) const;
};

// One scene's cameras, [1, V, …]. Throws Error if the sizes differ or there are none.
CameraBatch to_camera_batch(const std::vector<Camera>& cameras);

// One ray per pixel, in Plücker coordinates.
struct Rays {
  Tensor origin;     // [B, V, 3, H, W]
  Tensor direction;  // [B, V, 3, H, W], unit length
  Tensor moment;     // [B, V, 3, H, W], o × d
};

// What the model sees of a pixel: its ray and 2·rgb − 1.
inline constexpr int64_t kInputChannels = 12;

// Rays through pixel centres (+0.5).
Rays compute_rays(const CameraBatch& cameras);

// [B, V, C, H, W] → [B, V·(H/p)·(W/p), p·p·C], rows in order (row in patch, column in patch,
// channel).
Tensor patchify(const Tensor& images, int64_t patch_size);

// The inverse of patchify.
Tensor unpatchify(const Tensor& patches,  // [B, V·hh·ww, p·p·C]
                  int64_t views,
                  int64_t height,
                  int64_t width,
                  int64_t patch_size);  // → [B, V, C, H, W]

}  // namespace parallax
