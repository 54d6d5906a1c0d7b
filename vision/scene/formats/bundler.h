// Bundler's files (Snavely et al. 2006): cameras in `bundle.out`, names of photographs in a list
// beside it. COLMAP, RealityScan and Metashape export them.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The path is a
// file of any name that begins as Bundler's do, or a folder with one: `bundle.out` or
// `bundle/bundle.out` before others, which a note names. The list is `list.txt` in that folder or
// the one above, NAME.list.txt beside NAME.bundle.out as COLMAP writes it, or the only `.lst` file,
// which RealityScan writes with the paths of its own machine. Cameras look down their negative z
// axis; sizes are the photographs' own, the principal point is their middle, and the two radial
// coefficients are OpenCV's first two.
std::optional<Scene> load_bundler(const std::filesystem::path& path, const SceneOptions& options);

// Whether the file is one of cameras, by its first words.
bool begins_as_bundler(const std::filesystem::path& file);

}  // namespace parallax
