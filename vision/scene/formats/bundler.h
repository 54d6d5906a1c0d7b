// Bundler's files (Snavely et al. 2006): cameras in `bundle.out`, names of photographs in a list
// beside it. COLMAP, RealityScan and Metashape export them.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The path is a
// folder with `bundle.out` or `bundle/bundle.out`, or a file of any name that begins as Bundler's
// do. The list is `list.txt` in that folder or the one above, or NAME.list.txt beside
// NAME.bundle.out as COLMAP writes it. Cameras look down their negative z axis; sizes are the
// photographs' own, the principal point is their middle, and the two radial coefficients are
// OpenCV's first two.
std::optional<Scene> load_bundler(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
