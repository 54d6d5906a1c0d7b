// transforms.json of nerfstudio, instant-ngp and the NeRF synthetic scenes: camera-to-world in the
// OpenGL convention (x right, y up, z backward).
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. Of a folder
// the first of transforms.json, transforms_train.json, transforms_test.json, transforms_val.json is
// read; a note names the others.
std::optional<Scene> load_transforms(const std::filesystem::path& path,
                                     const SceneOptions& options);

}  // namespace parallax
