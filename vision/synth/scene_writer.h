// Scenes on disk: images and cameras in the `opencv_cameras.json` format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "vision/synth/render_scene.h"
#include "vision/synth/scene_generator.h"

namespace parallax {

// The cameras and images that write_scene makes of a scene.
struct SceneWriteOptions {
  SceneFamily family = simple_family();  // whose cameras look at the scene
  std::uint64_t seed = 0;                // of the cameras
  int num_views = 32;
  int height = 256;
  int width = 256;
  int samples = 4;                      // rays along each side of a pixel
  std::optional<cv::Vec3f> background;  // RGB in [0, 1]; if unset, images are transparent
  std::function<void(int)> on_view;     // called after each image with the number done
};

// Writes `folder`/renderings/%08d_rgba.png (straight alpha) and, last,
// `folder`/opencv_cameras.json: a folder whose writing was interrupted is not a scene. Creates the
// folder; throws Error naming the file that could not be written.
void write_scene(const RenderScene& scene,
                 const SceneWriteOptions& options,
                 const std::filesystem::path& folder);
void write_scene(const SceneDescription& description,
                 const SceneWriteOptions& options,
                 const std::filesystem::path& folder);

}  // namespace parallax
