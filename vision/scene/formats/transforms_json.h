// transforms.json of nerfstudio, instant-ngp and the NeRF synthetic scenes: camera-to-world in the
// OpenGL convention (x right, y up, z backward).
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Empty if the path holds no such scene; throws Error if it does but the scene is broken. In a
// folder, the first of transforms.json, transforms_train.json, transforms_test.json,
// transforms_val.json is read; a note names the others.
std::optional<Scene> load_transforms(const std::filesystem::path& path,
                                     const SceneOptions& options);

}  // namespace parallax
