// Scenes of IDR (Yariv et al. 2020), NeuS (Wang et al. 2021) and their successors: DTU's and
// BlendedMVS's objects with masks.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The path is
// the folder or its cameras_sphere.npz (IDR: cameras.npz), in which world_mat_I, 4 × 4, projects to
// the pixels of photograph I and scale_mat_I takes NeuS's unit sphere to the world; cameras are
// given in the sphere's coordinates. Photograph I is the Ith by name in `image` (or `images`,
// `rgb`), and the Ith of `mask`, if it has as many, becomes its alpha.
std::optional<Scene> load_neus(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
