// Scenes of sdfstudio (Yu et al. 2022), to which MonoSDF's DTU, Replica, ScanNet and Tanks and
// Temples and NeuralRecon-W's heritage scenes were converted.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The path is
// the folder or its meta_data.json: a size, and per frame a photograph, a matrix of intrinsics and
// a camera-to-world matrix in OpenCV's axes. Cameras are in the coordinates of the box that the
// surface was fitted in; `worldtogt`, which leads from there to the measured surface, changes no
// image. `foreground_mask` becomes alpha.
std::optional<Scene> load_sdfstudio(const std::filesystem::path& path, const SceneOptions& options);

// Whether it is a JSON file that names poses as sdfstudio does near its beginning.
bool begins_as_sdfstudio(const std::filesystem::path& file);

}  // namespace parallax
