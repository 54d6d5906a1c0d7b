// Writes a scene in another format, with its photographs.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "vision/scene/scene.h"

namespace parallax {

// What convert_scene() did.
struct ConvertedScene {
  size_t views = 0;
  size_t copied = 0;  // photographs that are the same bytes as before
  std::vector<std::string>
      notes;  // sentences on what the format cannot hold, and on views left out
};

// Writes opencv_cameras.json, transforms.json or a COLMAP model (sparse/0, binary, without points)
// into `folder`, which is created, and the photographs into its folder `images`. A photograph is
// copied unless the format has no place for its lens or its mask: then it is undistorted, or the
// mask becomes alpha, and it is written as PNG. Held-out views stay so in transforms.json. The file
// of cameras is written last. `on_view` is called after each view. Throws Error if the folder holds
// a scene, for another format, or if no view can be written.
ConvertedScene convert_scene(const Scene& scene,
                             const std::filesystem::path& folder,
                             SceneFormat format,
                             const std::function<void()>& on_view = {});

}  // namespace parallax
