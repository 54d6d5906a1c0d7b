// Scenes with a text file of a pose per photograph: of NSVF (Liu et al. 2020), scene representation
// networks and DeepVoxels (Sitzmann et al. 2019), NeRF++ (Zhang et al. 2020) and ScanNet's exports.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The path is a
// folder that holds `pose`, whose text files are camera to world, in our axes, 4 × 4 numbers, and
// photographs of the same names in `rgb` (ScanNet: `color`); or one that holds such folders as
// `train` and `test` (NeRF++), of which the latter's views are held out. Intrinsics are in
// `intrinsics.txt`, as a matrix of 4 × 4 or 3 × 3 numbers or as "f cx cy 0", of which the last two
// numbers of the file are the height and width that they are for; in NeRF++'s `intrinsics`, one
// file per photograph; or in ScanNet's `intrinsic/intrinsic_color.txt`. Where all names begin with
// 0_, 1_ or 2_, these are NSVF's training, validation and test views: the last there are held out.
std::optional<Scene> load_nsvf(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
